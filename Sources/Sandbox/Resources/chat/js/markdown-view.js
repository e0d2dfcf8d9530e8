// Draws the tree of markdown.js as DOM nodes.

import { h } from "./dom.js";
import { fullTime, timestampText } from "./dates.js";

/** `names` answers user(id), role(id) and channel(id) with a name, or null when unknown. */
export function markdownNodes(nodes, names) {
    return nodes.map((node) => markdownNode(node, names));
}

const plainElements = {
    strong: "strong",
    emphasis: "em",
    underline: "u",
    strike: "s",
    quote: "blockquote",
    subtext: "small",
};

function markdownNode(node, names) {
    const children = () => markdownNodes(node.children, names);
    switch (node.type) {
        case "text":
            return document.createTextNode(node.text);
        case "break":
            return h("br");
        case "strong":
        case "emphasis":
        case "underline":
        case "strike":
        case "quote":
        case "subtext":
            return h(plainElements[node.type], {}, children());
        // The page has headings of its own: a message must not add to its outline.
        case "heading":
            return h("p", { class: `heading heading-${node.level}` }, children());
        case "list": {
            const items = node.items.map((item) => h("li", {}, markdownNodes(item, names)));
            return node.ordered ? h("ol", { start: node.start }, items) : h("ul", {}, items);
        }
        case "code":
            return h("code", {}, node.text);
        case "codeBlock":
            return h(
                "pre",
                { tabindex: "0", "aria-label": `Code ${node.language}`.trim(), role: "region" },
                h("code", {}, node.text),
            );
        case "link":
            return h("a", { href: node.url, target: "_blank", rel: "noopener noreferrer nofollow" }, children());
        case "spoiler":
            return spoiler(children());
        case "user":
            return mention(`@${names.user(node.id) ?? "unknown user"}`);
        case "role":
            return mention(`@${names.role(node.id) ?? "unknown role"}`);
        case "channel":
            return mention(`#${names.channel(node.id) ?? "unknown channel"}`);
        case "command":
            return mention(`/${node.name}`);
        case "everyone":
            return mention(node.text);
        case "emoji":
            return h("span", { class: "custom-emoji", title: `:${node.name}:` }, `:${node.name}:`);
        case "timestamp":
            return timestamp(node);
    }
}

const mention = (text) => h("span", { class: "mention" }, text);

function timestamp({ seconds, style }) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return document.createTextNode("Invalid date");
    return h(
        "time",
        { datetime: date.toISOString(), title: fullTime(date), class: "timestamp" },
        timestampText(seconds, style),
    );
}

function spoiler(children) {
    const button = h("button", { type: "button", class: "spoiler-cover", "aria-label": "Show spoiler" }, "spoiler");
    const whole = h("span", { class: "spoiler" }, button);
    button.addEventListener("click", () => {
        whole.classList.add("is-shown");
        whole.replaceChildren(...children);
    });
    return whole;
}
