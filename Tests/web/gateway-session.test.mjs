import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GatewaySession } from "../../Sources/Sandbox/Resources/chat/js/gateway-session.js";

const url = "ws://127.0.0.1:9/";
const make = () => new GatewaySession({ url, token: "secret", random: () => 0.5 });
const hello = { op: 10, d: { heartbeat_interval: 40_000 } };
const ready = { op: 0, s: 1, t: "READY", d: { session_id: "abc", resume_gateway_url: "ws://127.0.0.1:10" } };
const kinds = (actions) => actions.map((action) => action.do);

function connected() {
    const session = make();
    session.start();
    session.received(hello, 0);
    session.received(ready, 0);
    return session;
}

describe("a first connection", () => {
    test("connects with version and encoding, and gives Hello a deadline", () => {
        const session = make();
        assert.deepEqual(session.start(), [
            { do: "connect", url: "ws://127.0.0.1:9/?v=10&encoding=json" },
            { do: "heartbeat", after: 10_000 },
        ]);
        assert.deepEqual(session.heartbeatDue(10_000), [{ do: "close", code: 4000 }]);
    });

    test("Hello is answered with the first heartbeat's time and IDENTIFY", () => {
        const session = make();
        session.start();
        const [heartbeat, send] = session.received(hello, 0);
        assert.deepEqual(heartbeat, { do: "heartbeat", after: 20_000 });
        assert.equal(send.message.op, 2);
        assert.equal(send.message.d.token, "secret");
        assert.equal("intents" in send.message.d, false);
    });

    test("READY makes it ready and is passed on", () => {
        const session = make();
        session.start();
        session.received(hello, 0);
        assert.deepEqual(kinds(session.received(ready, 0)), ["dispatch"]);
        assert.equal(session.phase, "ready");
    });

    test("a second Hello and one without an interval close the connection", () => {
        assert.deepEqual(connected().received(hello, 0), [{ do: "close", code: 4002 }]);
        const session = make();
        session.start();
        assert.deepEqual(session.received({ op: 10, d: {} }, 0), [{ do: "close", code: 4002 }]);
    });
});

describe("heartbeats", () => {
    test("carry the last sequence and measure the answer", () => {
        const session = connected();
        session.received({ op: 0, s: 7, t: "X", d: {} }, 0);
        const actions = session.heartbeatDue(100);
        assert.deepEqual(actions, [
            { do: "send", message: { op: 1, d: 7 } },
            { do: "heartbeat", after: 40_000 },
        ]);
        session.received({ op: 11 }, 130);
        assert.equal(session.latency, 30);
    });

    test("one without an answer ends the connection, which then resumes", () => {
        const session = connected();
        session.heartbeatDue(100);
        assert.deepEqual(session.heartbeatDue(40_100), [{ do: "close", code: 4000 }]);
        session.closed(null, 40_100);
        assert.equal(session.start()[0].url, "ws://127.0.0.1:10/?v=10&encoding=json");
    });

    test("the server may ask for one", () => {
        assert.deepEqual(connected().received({ op: 1 }, 5), [{ do: "send", message: { op: 1, d: 1 } }]);
    });
});

describe("after a loss", () => {
    test("RESUME carries session and sequence", () => {
        const session = connected();
        session.received({ op: 0, s: 42, t: "X", d: {} }, 0);
        session.closed(1006, 0);
        session.start();
        const [, send] = session.received(hello, 0);
        assert.deepEqual(send.message, { op: 6, d: { token: "secret", session_id: "abc", seq: 42 } });
        session.received({ op: 0, s: 43, t: "RESUMED", d: {} }, 0);
        assert.equal(session.phase, "ready");
    });

    test("op 7 resumes, op 9 false starts afresh, op 9 true resumes", () => {
        for (const [message, isKept] of [
            [{ op: 7 }, true],
            [{ op: 9, d: false }, false],
            [{ op: 9, d: true }, true],
        ]) {
            const session = connected();
            assert.deepEqual(session.received(message, 0), [{ do: "close", code: 4000 }]);
            assert.equal(session.sessionID !== null, isKept, JSON.stringify(message));
        }
    });

    test("close codes decide between resume, fresh start and stop", () => {
        for (const [code, kept] of [
            [1006, true],
            [4000, true],
            [4008, true],
            [1000, false],
            [1001, false],
            [4007, false],
            [4009, false],
        ]) {
            const session = connected();
            assert.deepEqual(kinds(session.closed(code, 0)), ["wait"]);
            assert.equal(session.sessionID !== null, kept, String(code));
        }
        for (const code of [4004, 4010, 4014]) {
            const session = connected();
            assert.deepEqual(kinds(session.closed(code, 0)), ["stop"]);
            assert.deepEqual(session.start(), []);
        }
        assert.equal(connected().closed(4004, 0)[0].reason, "unauthorized");
    });

    test("waits grow to a bound and start over after READY", () => {
        const session = connected();
        const waits = [];
        for (let attempt = 0; attempt < 9; attempt += 1) {
            waits.push(session.closed(1006, 0)[0].milliseconds);
            session.start();
        }
        assert.deepEqual(waits, [375, 750, 1500, 3000, 6000, 12_000, 15_000, 15_000, 15_000]);
        session.received(hello, 0);
        session.received({ op: 0, s: 2, t: "RESUMED", d: {} }, 0);
        assert.equal(session.closed(1006, 0)[0].milliseconds, 375);
    });

    test("stop closes with 1000 and nothing follows", () => {
        const session = connected();
        assert.deepEqual(session.stop(), [{ do: "close", code: 1000 }]);
        assert.deepEqual(session.closed(1000, 0), []);
        assert.deepEqual(session.heartbeatDue(1), []);
    });
});
