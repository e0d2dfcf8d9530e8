// What one gateway client does next. Knows no socket, timer or clock: events come in with the time in milliseconds,
// actions go out, gateway.js performs them in order.
//
// Actions: {do: "connect", url} · {do: "send", message} · {do: "close", code} · {do: "heartbeat", after} ·
// {do: "wait", milliseconds} · {do: "dispatch", name, data} · {do: "stop", reason}.

export const opcode = Object.freeze({
    dispatch: 0,
    heartbeat: 1,
    identify: 2,
    resume: 6,
    reconnect: 7,
    invalidSession: 9,
    hello: 10,
    heartbeatAck: 11,
});

// Discord docs, Opcodes and Status Codes: these end the session; 4004 and 4010–4014 end the attempt to have one.
const freshStartCodes = new Set([1000, 1001, 4003, 4007, 4009]);
const finalCodes = new Set([4004, 4010, 4011, 4012, 4013, 4014]);

const firstBackoff = 500;
const longestBackoff = 20_000;
const helloDeadline = 10_000;

export class GatewaySession {
    /** `random` gives [0, 1). */
    constructor({ url, token, random = Math.random }) {
        this.url = url;
        this.token = token;
        this.random = random;
        /** idle, connecting, identifying, resuming, ready, waiting or stopped */
        this.phase = "idle";
        this.sessionID = null;
        this.resumeURL = null;
        this.sequence = null;
        this.attempts = 0;
        this.retryAt = null;
        this.heartbeatInterval = null;
        this.acknowledged = true;
        this.sentAt = null;
        /** Milliseconds between the last heartbeat and its answer; null before the first. */
        this.latency = null;
    }

    /** Connects for the first time, or at once instead of after the wait. */
    start() {
        if (this.phase !== "idle" && this.phase !== "waiting") return [];
        this.phase = "connecting";
        this.retryAt = null;
        this.heartbeatInterval = null;
        const url = this.sessionID === null ? this.url : (this.resumeURL ?? this.url);
        return [
            { do: "connect", url: withVersion(url) },
            { do: "heartbeat", after: helloDeadline },
        ];
    }

    received(message, now) {
        if (Number.isSafeInteger(message.s)) this.sequence = message.s;
        switch (message.op) {
            case opcode.hello:
                return this.receivedHello(message.d);
            case opcode.dispatch:
                return this.receivedDispatch(message.t, message.d);
            case opcode.heartbeat:
                return [this.heartbeat(now)];
            case opcode.heartbeatAck:
                this.acknowledged = true;
                if (this.sentAt !== null) this.latency = now - this.sentAt;
                return [];
            case opcode.reconnect:
                return [{ do: "close", code: 4000 }];
            case opcode.invalidSession:
                if (message.d !== true) this.forgetSession();
                return [{ do: "close", code: 4000 }];
            default:
                return [];
        }
    }

    receivedHello(data) {
        const interval = data?.heartbeat_interval;
        if (this.phase !== "connecting" || !(interval >= 100)) return [{ do: "close", code: 4002 }];
        this.heartbeatInterval = interval;
        this.acknowledged = true;
        const first = { do: "heartbeat", after: Math.floor(interval * this.random()) };
        if (this.sessionID !== null) {
            this.phase = "resuming";
            const resume = { token: this.token, session_id: this.sessionID, seq: this.sequence ?? 0 };
            return [first, { do: "send", message: { op: opcode.resume, d: resume } }];
        }
        this.phase = "identifying";
        return [first, { do: "send", message: { op: opcode.identify, d: this.identity() } }];
    }

    identity() {
        return {
            token: this.token,
            properties: { os: "browser", browser: "Flotilla Sandbox", device: "Flotilla Sandbox" },
            compress: false,
        };
    }

    receivedDispatch(name, data) {
        if (name === "READY") {
            this.sessionID = data.session_id;
            this.resumeURL = data.resume_gateway_url ?? null;
        }
        if (name === "READY" || name === "RESUMED") {
            this.phase = "ready";
            this.attempts = 0;
        }
        return [{ do: "dispatch", name, data }];
    }

    /** The heartbeat timer ran out. Without an answer to the last one the connection is dead (a zombie). */
    heartbeatDue(now) {
        if (this.phase === "stopped" || this.phase === "waiting" || this.phase === "idle") return [];
        if (this.heartbeatInterval === null || !this.acknowledged) return [{ do: "close", code: 4000 }];
        return [this.heartbeat(now), { do: "heartbeat", after: this.heartbeatInterval }];
    }

    heartbeat(now) {
        this.acknowledged = false;
        this.sentAt = now;
        return { do: "send", message: { op: opcode.heartbeat, d: this.sequence } };
    }

    /** The socket is gone. `code` is null when none was received. */
    closed(code, now) {
        if (this.phase === "stopped" || this.phase === "idle") return [];
        if (finalCodes.has(code)) {
            this.phase = "stopped";
            return [{ do: "stop", reason: code === 4004 ? "unauthorized" : `gateway refused the session (${code})` }];
        }
        if (freshStartCodes.has(code)) this.forgetSession();
        this.phase = "waiting";
        const ceiling = Math.min(longestBackoff, firstBackoff * 2 ** Math.min(this.attempts, 10));
        const milliseconds = Math.floor(ceiling * (0.5 + this.random() / 2));
        this.attempts += 1;
        this.retryAt = now + milliseconds;
        return [{ do: "wait", milliseconds }];
    }

    stop() {
        if (this.phase === "stopped") return [];
        const wasOpen = this.phase !== "idle" && this.phase !== "waiting";
        this.phase = "stopped";
        return wasOpen ? [{ do: "close", code: 1000 }] : [];
    }

    forgetSession() {
        this.sessionID = null;
        this.resumeURL = null;
        this.sequence = null;
    }
}

function withVersion(url) {
    const target = new URL(url);
    target.searchParams.set("v", "10");
    target.searchParams.set("encoding", "json");
    return target.href;
}
