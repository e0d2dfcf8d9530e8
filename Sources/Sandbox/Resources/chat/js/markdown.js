// Discord's message markdown as a tree of plain nodes. Knows no DOM; markdown-view.js draws the tree.
//
// Nodes: {type: "text", text} · strong, emphasis, underline, strike, spoiler, subtext, quote: {type, children} ·
// heading {level, children} · list {ordered, start, items: [children]} · code {text} · codeBlock {language, text} ·
// link {url, children} · user, role, channel {id} · command {name, id} · emoji {name, id, animated} ·
// timestamp {seconds, style} · everyone {text} · break.

const maximumDepth = 12;
const fence = "```";

/** The tree of a message's content. Never throws; what is not markdown stays text. */
export function parseMarkdown(source) {
    const nodes = [];
    let position = 0;
    while (position < source.length) {
        const open = source.indexOf(fence, position);
        const close = open < 0 ? -1 : source.indexOf(fence, open + fence.length);
        if (close < 0 || close === open + fence.length) {
            nodes.push(...parseBlocks(source.slice(position), 0));
            break;
        }
        const before = source.slice(position, open).replace(/\n$/, "");
        if (before !== "") nodes.push(...parseBlocks(before, 0));
        nodes.push(codeBlock(source.slice(open + fence.length, close)));
        position = close + fence.length;
        if (source[position] === "\n") position += 1;
    }
    return nodes;
}

function codeBlock(inside) {
    const named = /^([\w+#.-]{1,20})\n([^]*)$/.exec(inside);
    const language = named?.[1] ?? "";
    const text = (named?.[2] ?? inside).replace(/^\n/, "").replace(/\n$/, "");
    return { type: "codeBlock", language, text };
}

const listItem = /^( {0,6})(?:[-*]|(\d{1,9})\.) (.+)$/;

function parseBlocks(source, depth) {
    const lines = source.split("\n");
    const nodes = [];
    let paragraph = [];
    let index = 0;

    const endParagraph = () => {
        if (paragraph.length === 0) return;
        const previous = nodes.at(-1);
        if (previous?.type === "text" || previous?.inline) nodes.push({ type: "break" });
        nodes.push(...parseInline(paragraph.join("\n"), depth));
        paragraph = [];
    };
    // Takes lines from here on while `match` accepts them.
    const takeWhile = (match) => {
        const taken = [];
        for (; index < lines.length; index += 1) {
            const found = match.exec(lines[index]);
            if (found === null) break;
            taken.push(found);
        }
        return taken;
    };

    while (index < lines.length) {
        const line = lines[index];
        const deeper = depth < maximumDepth;
        if (deeper && line.startsWith(">>> ")) {
            endParagraph();
            const rest = [line.slice(4), ...lines.slice(index + 1)].join("\n");
            nodes.push({ type: "quote", children: parseBlocks(rest, depth + 1) });
            return nodes;
        }
        if (deeper && /^> /.test(line)) {
            endParagraph();
            const quoted = takeWhile(/^> ?(.*)$/).map((found) => found[1]);
            nodes.push({ type: "quote", children: parseBlocks(quoted.join("\n"), depth + 1) });
            continue;
        }
        const heading = /^(#{1,3}) +(.+)$/.exec(line);
        if (heading !== null) {
            endParagraph();
            nodes.push({ type: "heading", level: heading[1].length, children: parseInline(heading[2], depth + 1) });
            index += 1;
            continue;
        }
        const subtext = /^-# +(.+)$/.exec(line);
        if (subtext !== null) {
            endParagraph();
            nodes.push({ type: "subtext", children: parseInline(subtext[1], depth + 1) });
            index += 1;
            continue;
        }
        const item = listItem.exec(line);
        if (item !== null) {
            endParagraph();
            const ordered = item[2] !== undefined;
            const items = takeWhile(ordered ? /^( {0,6})(\d{1,9})\. (.+)$/ : /^( {0,6})([-*]) (.+)$/);
            nodes.push({
                type: "list",
                ordered,
                start: ordered ? Number(item[2]) : 1,
                items: items.map((found) => parseInline(found[3], depth + 1)),
            });
            continue;
        }
        paragraph.push(line);
        index += 1;
    }
    endParagraph();
    return nodes;
}

// Longest first: `***` is strong around emphasis, `__` is underline and `_` emphasis.
const pairs = [
    ["**", "strong"],
    ["__", "underline"],
    ["~~", "strike"],
    ["||", "spoiler"],
    ["*", "emphasis"],
    ["_", "emphasis"],
];

const tags = [
    [/^<@!?(\d{1,20})>/, (found) => ({ type: "user", id: found[1] })],
    [/^<@&(\d{1,20})>/, (found) => ({ type: "role", id: found[1] })],
    [/^<#(\d{1,20})>/, (found) => ({ type: "channel", id: found[1] })],
    [/^<\/([^:<>\n]{1,100}):(\d{1,20})>/, (found) => ({ type: "command", name: found[1], id: found[2] })],
    [
        /^<(a?):(\w{2,32}):(\d{1,20})>/,
        (found) => ({ type: "emoji", name: found[2], id: found[3], animated: found[1] === "a" }),
    ],
    [
        /^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/,
        (found) => ({ type: "timestamp", seconds: Number(found[1]), style: found[2] ?? "f" }),
    ],
    [/^<(https?:\/\/[^\s<>]+)>/, (found) => link(found[1], [{ type: "text", text: found[1] }])],
];

function parseInline(text, depth) {
    const nodes = [];
    let plain = "";
    let index = 0;
    const push = (node, length) => {
        if (plain !== "") nodes.push({ type: "text", text: plain });
        plain = "";
        if (node !== null) nodes.push(node);
        index += length;
    };
    while (index < text.length) {
        const found = specialAt(text, index, depth);
        if (found === null) {
            plain += text[index];
            index += 1;
        } else if (found.literal !== undefined) {
            plain += found.literal;
            index += found.length;
        } else {
            push(found.node, found.length);
        }
    }
    push(null, 0);
    return nodes;
}

// What starts at `index`: {node, length}, {literal, length}, or null for an ordinary character.
function specialAt(text, index, depth) {
    switch (text[index]) {
        case "\\": {
            const next = text[index + 1];
            return next !== undefined && /[!-/:-@[-`{-~]/.test(next) ? { literal: next, length: 2 } : null;
        }
        case "\n":
            return { node: { type: "break" }, length: 1 };
        case "`":
            return codeAt(text, index);
        case "*":
        case "_":
        case "~":
        case "|":
            return depth < maximumDepth ? pairAt(text, index, depth) : null;
        case "<":
            return tagAt(text, index);
        case "[":
            return depth < maximumDepth ? maskedLinkAt(text, index, depth) : null;
        case "@": {
            const found = /^@(?:everyone|here)\b/.exec(text.slice(index, index + 10));
            return found === null ? null : { node: { type: "everyone", text: found[0] }, length: found[0].length };
        }
        case "h":
            return bareLinkAt(text, index);
        default:
            return null;
    }
}

function codeAt(text, index) {
    const ticks = /^`+/.exec(text.slice(index))[0];
    const from = index + ticks.length;
    for (let close = text.indexOf(ticks, from); close >= 0; ) {
        const run = /^`+/.exec(text.slice(close))[0];
        if (run.length === ticks.length) {
            const inside = text.slice(from, close);
            const trimmed = /^ .*` $|^ `.* $/s.test(inside) ? inside.slice(1, -1) : inside;
            return { node: { type: "code", text: trimmed }, length: close + run.length - index };
        }
        close = text.indexOf(ticks, close + run.length);
    }
    return { literal: ticks, length: ticks.length };
}

function pairAt(text, index, depth) {
    for (const [mark, type] of pairs) {
        if (!text.startsWith(mark, index)) continue;
        const from = index + mark.length;
        // `* x` is a star, snake_case is a word.
        if (mark === "*" && /\s/.test(text[from] ?? " ")) continue;
        if (mark === "_" && /\w/.test(text[index - 1] ?? " ")) continue;
        const close = closingMark(text, from, mark);
        if (close < 0) continue;
        const children = parseInline(text.slice(from, close), depth + 1);
        return { node: { type, children }, length: close + mark.length - index };
    }
    // The whole run is text, so that a long row of stars costs one look and not one for each.
    const run = /^(?:\*+|_+|~+|\|+)/.exec(text.slice(index))[0];
    return { literal: run, length: run.length };
}

// Where `mark` closes, outside code spans and escapes; −1 when it does not, or would enclose nothing.
function closingMark(text, from, mark) {
    for (let index = from; index < text.length; index += 1) {
        if (text[index] === "\\") {
            index += 1;
        } else if (text[index] === "`") {
            const code = codeAt(text, index);
            index += code.length - 1;
        } else if (text.startsWith(mark, index)) {
            // One star inside `**…**` belongs to the strong text; `***` closes the inner mark first.
            const run = /^(.)\1*/.exec(text.slice(index))[0].length;
            if (mark.length === 1 && run === 2) {
                index += 1;
                continue;
            }
            const close = mark.length === 2 && run > 2 ? index + run - 2 : index;
            if (close === from) continue;
            if (mark === "_" && /\w/.test(text[close + 1] ?? " ")) continue;
            if (mark === "*" && /\s/.test(text[close - 1])) continue;
            return close;
        }
    }
    return -1;
}

function tagAt(text, index) {
    const rest = text.slice(index, index + 2100);
    for (const [pattern, make] of tags) {
        const found = pattern.exec(rest);
        if (found !== null) {
            const node = make(found);
            return node === null ? null : { node, length: found[0].length };
        }
    }
    return null;
}

function maskedLinkAt(text, index, depth) {
    const found = /^\[([^[\]\n]{1,500})\]\(<?(https?:\/\/[^\s<>()]{1,1500})>?\)/.exec(text.slice(index, index + 2100));
    if (found === null) return null;
    const node = link(found[2], parseInline(found[1], maximumDepth));
    return node === null || depth >= maximumDepth ? null : { node, length: found[0].length };
}

function bareLinkAt(text, index) {
    if (/\w/.test(text[index - 1] ?? " ")) return null;
    const found = /^https?:\/\/[^\s<>"]+/.exec(text.slice(index, index + 2100));
    if (found === null) return null;
    let url = found[0].replace(/[.,:;!?'*_~|]+$/, "");
    // A closing bracket belongs to the sentence unless it was opened inside the address.
    while (url.endsWith(")") && url.split("(").length < url.split(")").length) url = url.slice(0, -1);
    const node = link(url, [{ type: "text", text: url }]);
    return node === null ? null : { node, length: url.length };
}

function link(url, children) {
    return /^https?:\/\/[^/]/.test(url) && URL.canParse(url) ? { type: "link", url, children } : null;
}

/** A time as plain text; a number that is no date stays a number. */
function timestampPreview(seconds) {
    const date = new Date(seconds * 1000);
    return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 16).replace("T", " ");
}

/** The words of a message without its marks, for previews and notices. */
export function plainText(nodes) {
    return nodes
        .map((node) => {
            switch (node.type) {
                case "break":
                    return " ";
                case "list":
                    return node.items.map(plainText).join(" ");
                case "user":
                case "role":
                    return "@…";
                case "channel":
                    return "#…";
                case "command":
                    return `/${node.name}`;
                case "emoji":
                    return `:${node.name}:`;
                case "timestamp":
                    return timestampPreview(node.seconds);
                case "spoiler":
                    return "▮▮▮";
                default:
                    return node.text ?? plainText(node.children ?? []);
            }
        })
        .join("");
}
