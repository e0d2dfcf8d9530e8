import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMarkdown, plainText } from "../../Sources/Sandbox/Resources/chat/js/markdown.js";

const text = (value) => ({ type: "text", text: value });
const node = (type, ...children) => ({ type, children });

describe("inline markdown", () => {
    const cases = {
        "plain words": [text("plain words")],
        "**bold**": [node("strong", text("bold"))],
        "*soft* and _soft_": [node("emphasis", text("soft")), text(" and "), node("emphasis", text("soft"))],
        "__under__": [node("underline", text("under"))],
        "~~gone~~": [node("strike", text("gone"))],
        "||secret||": [node("spoiler", text("secret"))],
        "***both***": [node("strong", node("emphasis", text("both")))],
        "**a *b* c**": [node("strong", text("a "), node("emphasis", text("b")), text(" c"))],
        "snake_case_name": [text("snake_case_name")],
        "2 * 3 * 4": [text("2 * 3 * 4")],
        "\\*not\\* soft": [text("*not* soft")],
        "`**raw**`": [{ type: "code", text: "**raw**" }],
        "``a ` b``": [{ type: "code", text: "a ` b" }],
        "**`**`**": [node("strong", { type: "code", text: "**" })],
        "**open": [text("**open")],
        "****": [text("****")],
        "<@123> <@!45> <@&6> <#7>": [
            { type: "user", id: "123" },
            text(" "),
            { type: "user", id: "45" },
            text(" "),
            { type: "role", id: "6" },
            text(" "),
            { type: "channel", id: "7" },
        ],
        "<:wave:12><a:sail:34>": [
            { type: "emoji", name: "wave", id: "12", animated: false },
            { type: "emoji", name: "sail", id: "34", animated: true },
        ],
        "<t:1700000000:R>": [{ type: "timestamp", seconds: 1700000000, style: "R" }],
        "</echo:99>": [{ type: "command", name: "echo", id: "99" }],
        "hey @everyone": [text("hey "), { type: "everyone", text: "@everyone" }],
        "a\nb": [text("a"), { type: "break" }, text("b")],
        "<script>alert(1)</script>": [text("<script>alert(1)</script>")],
    };
    for (const [source, expected] of Object.entries(cases)) {
        test(JSON.stringify(source), () => assert.deepEqual(parseMarkdown(source), expected));
    }
});

describe("links", () => {
    const link = (url, shown = url) => ({ type: "link", url, children: [text(shown)] });
    test("a bare address ends before the sentence's punctuation", () => {
        assert.deepEqual(
            parseMarkdown("see https://example.org/a_b."),
            [text("see "), link("https://example.org/a_b"), text(".")],
        );
        assert.deepEqual(parseMarkdown("(https://example.org)"), [text("("), link("https://example.org"), text(")")]);
        assert.deepEqual(parseMarkdown("https://example.org/x_(y)"), [link("https://example.org/x_(y)")]);
    });
    test("angle brackets and masks", () => {
        assert.deepEqual(parseMarkdown("<https://example.org>"), [link("https://example.org")]);
        assert.deepEqual(parseMarkdown("[docs](https://example.org)"), [link("https://example.org", "docs")]);
    });
    test("only web addresses become links", () => {
        for (const source of [
            "[x](javascript:alert(1))",
            "javascript:alert(1)",
            "[x](data:text/html,y)",
            "<javascript:alert(1)>",
            "http://",
        ]) {
            assert.deepEqual(parseMarkdown(source), [text(source)], source);
        }
    });
});

describe("blocks", () => {
    test("a fence keeps its text and names its language", () => {
        assert.deepEqual(parseMarkdown("a\n```js\nlet *x*\n```\nb"), [
            text("a"),
            { type: "codeBlock", language: "js", text: "let *x*" },
            text("b"),
        ]);
        assert.deepEqual(parseMarkdown("```one line```"), [{ type: "codeBlock", language: "", text: "one line" }]);
        assert.deepEqual(parseMarkdown("```never closed"), [text("```never closed")]);
    });
    test("quotes take the lines that carry the mark, >>> the rest", () => {
        assert.deepEqual(
            parseMarkdown("> a\n> b\nc"),
            [node("quote", text("a"), { type: "break" }, text("b")), text("c")],
        );
        assert.deepEqual(parseMarkdown(">>> a\nb"), [node("quote", text("a"), { type: "break" }, text("b"))]);
    });
    test("headings, small print and lists", () => {
        assert.deepEqual(parseMarkdown("## Title\n-# small"), [
            { type: "heading", level: 2, children: [text("Title")] },
            node("subtext", text("small")),
        ]);
        assert.deepEqual(parseMarkdown("- a\n- **b**\n3. c"), [
            { type: "list", ordered: false, start: 1, items: [[text("a")], [node("strong", text("b"))]] },
            { type: "list", ordered: true, start: 3, items: [[text("c")]] },
        ]);
    });
});

describe("hostile text", () => {
    test("long rows of marks, brackets and quotes are read in time", () => {
        const start = performance.now();
        for (const mark of ["*", "_", "~", "|", "`", "[", "<", "**a ", "> ", ">>> ", "_*", "||**", "``` ", "\\"]) {
            parseMarkdown(mark.repeat(Math.floor(4000 / mark.length)));
        }
        assert.ok(performance.now() - start < 2000, `took ${performance.now() - start} ms`);
    });
    test("no text is lost but the marks", () => {
        // A small generator with a seed: the same inputs each time.
        let seed = 7;
        const next = (count) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % count;
        const parts = [
            "a",
            "b ",
            "*",
            "**",
            "_",
            "__",
            "~~",
            "||",
            "`",
            "\n",
            "> ",
            "<@1>",
            "[x](",
            ")",
            "\\",
            "```",
            "# ",
            "- ",
            "1. ",
        ];
        for (let round = 0; round < 2000; round += 1) {
            const source = Array.from({ length: 1 + next(12) }, () => parts[next(parts.length)]).join("");
            const kept = plainText(parseMarkdown(source)).replace(/[^ab]/g, "");
            const spoilt = /\|\|/.test(source) || /```/.test(source);
            if (!spoilt) assert.equal(kept, source.replace(/[^ab]/g, ""), JSON.stringify(source));
        }
    });
});

test("a preview is the words without marks", () => {
    assert.equal(plainText(parseMarkdown("**a** `b` ||c||\n- d")), "a b ▮▮▮d");
});

test("a time that is no date stays a number", () => {
    assert.equal(plainText(parseMarkdown("<t:9999999999999>")), "9999999999999");
});
