import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
    figure,
    heat,
    isCluster,
    laneGroups,
    processGroups,
    shardOfServer,
    span,
    statusOf,
    totals,
} from "../../dashboard/js/cluster.js";
import { pauseAfter } from "../../dashboard/js/poller.js";

const member = (id, kind, state = "alive") => ({ id, kind, state });
const slot = (shard, member, status = "ready", more = {}) => ({
    application: "7",
    generation: 2,
    shard,
    numShards: 4,
    member,
    status,
    guilds: 10,
    eventsPerSecond: 1.5,
    latencyMs: 40 + shard,
    ...more,
});
const cluster = {
    applications: [{ id: "7", name: "beacon", generation: 2, numShards: 4 }],
    members: [member("shard-10", "shard"), member("shard-9", "shard", "lost"), member("worker-1", "worker")],
    slots: [
        slot(0, "shard-10"),
        slot(2, "shard-9", "identifying"),
        slot(1, "shard-10"),
        slot(3, null, "released"),
        slot(0, "shard-10", "ready", { generation: 1 }),
    ],
    lanes: [{ lane: 1, primary: "worker-1" }, { lane: 0, primary: "worker-1", standby: "worker-2" }, { lane: 2 }],
};

test("the shard of a server", () => {
    assert.equal(shardOfServer("81384788765712384", 16), Number((81384788765712384n >> 22n) % 16n));
    assert.equal(shardOfServer(" 41771983423143937 ", 1), 0);
    for (const text of ["", "12", "abc", "99999999999999999999", "-81384788765712384", "8138478876571238x"]) {
        assert.equal(shardOfServer(text, 16), null, text);
    }
    assert.equal(shardOfServer("81384788765712384", 0), null);
});

test("totals count the current generation", () => {
    assert.deepEqual(totals(cluster), {
        shardProcesses: 2,
        shardProcessesAlive: 1,
        workers: 1,
        workersAlive: 1,
        slots: 4,
        slotsReady: 2,
        slotsFailed: 0,
        guilds: 40,
        eventsPerSecond: 6,
        latency: 41,
        lanes: 3,
        lanesRead: 2,
    });
    const empty = { applications: [], members: [], slots: [], lanes: [] };
    assert.equal(totals(empty).latency, null);
});

test("shards stand under their process, nobody's last", () => {
    const groups = processGroups(cluster, "7");
    assert.deepEqual(groups.map(({ id, slots }) => [
        id,
        slots.map(({ generation, shard }) => `${generation}.${shard}`),
    ]), [
        ["shard-9", ["2.2"]],
        ["shard-10", ["2.0", "2.1", "1.0"]],
        ["", ["2.3"]],
    ]);
});

test("lanes stand under their readers, also those that left", () => {
    assert.deepEqual(laneGroups(cluster).map(
        ({ id, primary, standby }) => [id, primary.map(({ lane }) => lane), standby.map(({ lane }) => lane)],
    ), [
        ["worker-1", [0, 1], []],
        ["worker-2", [], [0]],
        ["", [2], []],
    ]);
});

test("every status has a letter of its own; a slot without a member is nobody's", () => {
    assert.equal(statusOf(slot(1, null, "ready")).word, "Nobody runs it");
    assert.equal(statusOf(slot(1, null, "failed")).letter, "X");
    assert.equal(statusOf(slot(1, "m", "somethingNew")).letter, "?");
});

describe("figures", () => {
    test("for people", () => {
        assert.deepEqual(
            [figure(12345), figure(1.25), figure(0), figure(null), figure(99.6)],
            ["12,345", "1.3", "0", "–", "100"],
        );
        assert.deepEqual([span(4_400), span(100_000), span(7_200_000), span(-5)], ["4 s", "2 min", "2 h", "0 s"]);
        assert.deepEqual([heat(0, 10), heat(0.1, 10), heat(10, 10), heat(5, 0)], [0, 1, 4, 0]);
    });
    test("a second between answers, longer and longer without", () => {
        assert.equal(pauseAfter(0), 1000);
        assert.deepEqual(
            [1, 2, 3, 9, 90].map((failures) => pauseAfter(failures, () => 1)),
            [2000, 4000, 8000, 15_000, 15_000],
        );
        assert.equal(pauseAfter(1, () => 0), 1000);
    });
});

test("only an answer of the right shape is a cluster", () => {
    assert.equal(isCluster(cluster), true);
    for (const other of [null, [], "x", {}, { ...cluster, slots: null }]) assert.equal(isCluster(other), false);
});
