import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandForms, commandInteraction, readCommandLine } from "../../Sources/Sandbox/Resources/chat/js/commands.js";
import { mentionAt, withMentions, withNames } from "../../Sources/Sandbox/Resources/chat/js/mentions.js";

const commands = [
    {
        id: "1",
        application_id: "9",
        name: "echo",
        description: "Says it again",
        type: 1,
        options: [{ name: "text", type: 3, required: true }],
    },
    { id: "2", application_id: "9", name: "ping", description: "Pong", type: 1 },
    {
        id: "3",
        application_id: "9",
        name: "roll",
        type: 1,
        options: [
            { name: "sides", type: 4, min_value: 2 },
            { name: "mode", type: 3, choices: [{ name: "High", value: "h" }, { name: "Low", value: "l" }] },
        ],
    },
    {
        id: "4",
        application_id: "9",
        name: "config",
        type: 1,
        options: [
            {
                name: "room",
                type: 2,
                options: [{ name: "join", type: 1, options: [{ name: "open", type: 5, required: true }] }],
            },
        ],
    },
    { id: "5", application_id: "9", name: "Look up", type: 2 },
];
const forms = commandForms(commands);
const body = (line) => commandInteraction(readCommandLine(line, forms), { guildID: "g", channelID: "c", nonce: "n" });

test("every way to call is listed; menu commands are not", () => {
    assert.deepEqual(forms.map(({ path }) => path.join(" ")), ["config room join", "echo", "ping", "roll"]);
});

describe("a line", () => {
    test("chooses while the name is typed", () => {
        assert.equal(readCommandLine("/", forms).matches.length, 4);
        assert.deepEqual(readCommandLine("/e", forms).matches.map(({ path }) => path[0]), ["echo"]);
        assert.equal(readCommandLine("/nothing", forms).state, "unknown");
    });

    test("names a missing option", () => {
        const line = readCommandLine("/echo", forms);
        assert.equal(line.state, "filling");
        assert.equal(line.current.name, "text");
        assert.equal(line.problem, "text is missing");
    });

    test("takes loose words for the first option, and names with colons", () => {
        assert.deepEqual(
            body("/echo hello: big world").data.options,
            [{ name: "text", type: 3, value: "hello: big world" }],
        );
        assert.deepEqual(body("/echo text:a b").data.options, [{ name: "text", type: 3, value: "a b" }]);
        assert.deepEqual(body("/roll 6 mode:High").data.options, [
            { name: "sides", type: 4, value: 6 },
            { name: "mode", type: 3, value: "h" },
        ]);
    });

    test("refuses what does not fit", () => {
        assert.match(readCommandLine("/roll sides:six", forms).problem, /whole number/);
        assert.match(readCommandLine("/roll sides:1", forms).problem, /sides/);
        assert.match(readCommandLine("/roll mode:Middle", forms).problem, /High, Low/);
        assert.match(readCommandLine("/ping now", forms).problem, /not an option/);
    });

    test("wraps subcommands in their group", () => {
        assert.deepEqual(body("/config room join open:yes").data, {
            id: "4",
            name: "config",
            type: 1,
            options: [
                {
                    name: "room",
                    type: 2,
                    options: [{ name: "join", type: 1, options: [{ name: "open", type: 5, value: true }] }],
                },
            ],
        });
    });

    test("makes the body of an interaction", () => {
        assert.deepEqual(body("/ping"), {
            type: 2,
            application_id: "9",
            guild_id: "g",
            channel_id: "c",
            nonce: "n",
            data: { id: "2", name: "ping", type: 1, options: [] },
        });
    });
});

describe("mentions", () => {
    const members = [{ user: { id: "1", username: "al" } }, { user: { id: "2", username: "al.ice" } }];
    test("names become ids and back, the longest name wins", () => {
        assert.equal(withMentions("@al.ice and @al. and @nobody", members), "<@2> and <@1>. and @nobody");
        assert.equal(withNames("<@2> <@!1> <@3>", members), "@al.ice @al <@3>");
    });
    test("an address is no mention", () => assert.equal(withMentions("me@al", members), "me@al"));
    test("the word at the caret", () => {
        assert.deepEqual(mentionAt("hi @Al", 6), { from: 3, word: "al" });
        assert.equal(mentionAt("hi@al", 5), null);
    });
});
