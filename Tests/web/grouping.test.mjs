import assert from "node:assert/strict";
import { test } from "node:test";
import { messageRows } from "../../Sources/Sandbox/Resources/chat/js/grouping.js";

const noon = new Date(2026, 4, 10, 12).getTime();
let lastID = 0;
const message = (author, minute, more = {}) => ({
    id: String((lastID += 1)),
    type: 0,
    author: { id: author, username: author },
    timestamp: new Date(noon + minute * 60_000).toISOString(),
    ...more,
});
const shape = (messages) => messageRows(messages).map(
    (row) => (row.kind === "day" ? "day" : row.startsGroup ? "first" : "more"),
);

test("messages of one author within seven minutes stand together", () => {
    assert.deepEqual(
        shape([message("a", 0), message("a", 6), message("a", 12), message("a", 20)]),
        ["day", "first", "more", "more", "first"],
    );
});

test("another author, a reply and a command's answer start a group", () => {
    assert.deepEqual(
        shape([
            message("a", 0),
            message("b", 1),
            message("b", 1, { type: 19, message_reference: { message_id: "1" } }),
            message("b", 2),
            message("b", 2, { type: 20, interaction_metadata: {} }),
        ]),
        ["day", "first", "first", "first", "first", "first"],
    );
});

test("one webhook speaks for many people", () => {
    const relayed = (name, minute) => message(
        "hook",
        minute,
        { webhook_id: "9", author: { id: "hook", username: name } },
    );
    assert.deepEqual(
        shape([relayed("ann", 0), relayed("ann", 1), relayed("ben", 2)]),
        ["day", "first", "more", "first"],
    );
});

test("a new day gets a line of its own and starts a group", () => {
    assert.deepEqual(shape([message("a", 719), message("a", 721)]), ["day", "first", "day", "first"]);
});

test("no messages, no rows", () => assert.deepEqual(messageRows([]), []));
