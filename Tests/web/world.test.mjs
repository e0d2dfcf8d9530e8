import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { World } from "../../Sources/Sandbox/Resources/chat/js/world.js";

const me = { id: "1", username: "alice", global_name: "Alice" };
const bob = { id: "2", username: "bob", global_name: null };
const channel = { id: "10", type: 0, name: "general", position: 0, topic: null };
const guild = {
    id: "5",
    name: "Harbor",
    owner_id: "1",
    roles: [],
    channels: [
        channel,
        { ...channel, id: "11", name: "global", position: 1 },
        { ...channel, id: "12", type: 4, name: "a category" },
    ],
    members: [{ user: me, nick: null }, { user: bob, nick: "Bobby" }],
    member_count: 2,
};
const message = (id, more = {}) => ({
    id: String(id),
    channel_id: "10",
    guild_id: "5",
    author: bob,
    content: `m${id}`,
    timestamp: "2026-05-10T12:00:00Z",
    ...more
});

function ready() {
    const world = new World();
    assert.deepEqual(world.apply("READY", { user: me, guilds: [guild] }), ["reset"]);
    return world;
}
const ids = (world) => world.timeline("10").messages.map(({ id }) => id);

test("READY brings servers, channels in order and names", () => {
    const world = ready();
    assert.deepEqual(world.sortedGuilds().map(({ name }) => name), ["Harbor"]);
    assert.deepEqual(world.textChannels("5").map(({ name }) => name), ["general", "global"]);
    assert.equal(world.displayName(bob, "5"), "Bobby");
    assert.equal(world.displayName(me, "5"), "Alice");
    assert.equal(world.channel("10").guild_id, "5");
});

test("a second READY forgets what was read and keeps what was not sent", () => {
    const world = ready();
    world.addHistory("10", [message(1)], 50);
    world.addPending("10", { nonce: "n1", content: "hi", reply: null, now: 0 });
    world.apply("READY", { user: me, guilds: [guild] });
    const { isLoaded, messages, pending } = world.timeline("10");
    assert.deepEqual([isLoaded, messages, pending.length], [false, [], 1]);
});

test("history and live messages merge in order, each once", () => {
    const world = ready();
    world.addHistory("10", [message(105), message(104), message(99)], 3);
    world.apply("MESSAGE_CREATE", message(106));
    world.apply("MESSAGE_CREATE", message(105));
    world.addHistory("10", [message(20)], 3);
    assert.deepEqual(ids(world), ["20", "99", "104", "105", "106"]);
    assert.equal(world.timeline("10").reachedStart, true);
});

test("a live message before the first page joins it", () => {
    const world = ready();
    world.apply("MESSAGE_CREATE", message(106));
    assert.equal(world.timeline("10").isLoaded, false);
    world.addHistory("10", [message(105)], 50);
    assert.deepEqual(ids(world), ["105", "106"]);
    assert.deepEqual(world.guildUnread("5"), { count: 1, mentions: 0 });
});

test("changes and deletions reach the message", () => {
    const world = ready();
    world.addHistory("10", [message(1), message(2), message(3)], 50);
    assert.deepEqual(world.apply("MESSAGE_UPDATE", { id: "2", channel_id: "10", content: "new" }), ["messages"]);
    assert.equal(world.message("10", "2").content, "new");
    assert.equal(world.message("10", "2").author, bob);
    assert.deepEqual(world.apply("MESSAGE_UPDATE", { id: "77", channel_id: "10", content: "x" }), []);
    world.apply("MESSAGE_DELETE", { id: "1", channel_id: "10" });
    world.apply("MESSAGE_DELETE_BULK", { ids: ["3"], channel_id: "10" });
    assert.deepEqual(ids(world), ["2"]);
});

describe("what I send", () => {
    test("is shown at once and replaced by the message with its nonce", () => {
        const world = ready();
        world.addHistory("10", [], 50);
        world.addPending("10", { nonce: "n1", content: "hi", reply: null, now: 0 });
        assert.equal(world.timeline("10").pending.length, 1);
        world.apply("MESSAGE_CREATE", message(7, { author: me, nonce: "n1" }));
        assert.equal(world.timeline("10").pending.length, 0);
        assert.deepEqual(ids(world), ["7"]);
        assert.deepEqual(world.guildUnread("5"), { count: 0, mentions: 0 });
    });

    test("another's message with the same nonce does not replace it", () => {
        const world = ready();
        world.addHistory("10", [], 50);
        world.addPending("10", { nonce: "n1", content: "hi", reply: null, now: 0 });
        world.apply("MESSAGE_CREATE", message(7, { nonce: "n1" }));
        assert.equal(world.timeline("10").pending.length, 1);
        world.failPending("10", "n1");
        assert.equal(world.timeline("10").pending[0].pending, "failed");
    });
});

test("reactions count once, whoever tells first", () => {
    const world = ready();
    world.addHistory("10", [message(1)], 50);
    const event = (user_id) => ({ user_id, channel_id: "10", message_id: "1", emoji: { id: null, name: "⚓" } });
    world.apply("MESSAGE_REACTION_ADD", event("1"));
    world.apply("MESSAGE_REACTION_ADD", event("1"));
    world.apply("MESSAGE_REACTION_ADD", event("2"));
    assert.deepEqual(world.message("10", "1").reactions, [{ emoji: { id: null, name: "⚓" }, count: 2, me: true }]);
    world.apply("MESSAGE_REACTION_REMOVE", event("1"));
    world.apply("MESSAGE_REACTION_REMOVE", event("2"));
    assert.deepEqual(world.message("10", "1").reactions, []);
});

test("typing lasts ten seconds, ends with a message, and is never my own", () => {
    const world = ready();
    const typing = (user_id) => ({ channel_id: "10", user_id });
    world.apply("TYPING_START", typing("1"), 0);
    world.apply("TYPING_START", typing("2"), 0);
    assert.deepEqual(world.typingNames("10", 9_999), ["Bobby"]);
    assert.deepEqual(world.typingNames("10", 10_000), []);
    world.apply("TYPING_START", typing("2"), 20_000);
    world.apply("MESSAGE_CREATE", message(3), 20_001);
    assert.deepEqual(world.typingNames("10", 20_002), []);
});

test("mentions are counted apart and reading clears them", () => {
    const world = ready();
    world.apply("MESSAGE_CREATE", message(3, { mentions: [me] }));
    world.apply("MESSAGE_CREATE", message(4));
    assert.deepEqual(world.guildUnread("5"), { count: 2, mentions: 1 });
    assert.equal(world.markRead("10"), true);
    assert.deepEqual(world.guildUnread("5"), { count: 0, mentions: 0 });
});

test("servers, channels and members come and go", () => {
    const world = ready();
    world.apply("CHANNEL_CREATE", { ...channel, id: "13", name: "tides", guild_id: "5", position: 5 });
    world.apply("CHANNEL_DELETE", { id: "11", guild_id: "5" });
    assert.deepEqual(world.textChannels("5").map(({ name }) => name), ["general", "tides"]);
    world.apply("GUILD_MEMBER_REMOVE", { guild_id: "5", user: bob });
    assert.equal(world.guild("5").members.size, 1);
    world.apply("GUILD_DELETE", { id: "5" });
    assert.equal(world.guilds.size, 0);
    assert.deepEqual(world.apply("CHANNEL_CREATE", { ...channel, guild_id: "5" }), ["channels"]);
    assert.deepEqual(world.apply("NEVER_HEARD_OF", {}), []);
});
