import { avatar, h, icon, iconButton } from "../dom.js";
import { clockTime, fullTime, messageTime } from "../dates.js";
import { markdownNodes } from "../markdown-view.js";
import { parseMarkdown, plainText } from "../markdown.js";

const ephemeral = 1 << 6;
const loading = 1 << 7;
const previewLength = 120;
const onlyEmoji = /^(?:\p{Extended_Pictographic}|\uFE0F|\u200D|\s){1,12}$/u;

/**
 * One line of the message list. `context`: {world, guildID, names, actions}, where `actions` has reply, edit, remove,
 * react(message, emoji), pickReaction(message, button), press(message, component, values), jump(id), retry, discard
 * and dismiss.
 */
export function messageView(message, startsGroup, context) {
    const { world, guildID } = context;
    const name = authorName(message, context);
    const date = new Date(message.timestamp);
    const isMine = message.author.id === world.me?.id && !message.webhook_id;
    const mentionsMe = message.mention_everyone || (message.mentions ?? []).some((user) => user.id === world.me?.id);
    const isEphemeral = ((message.flags ?? 0) & ephemeral) !== 0;

    const time = h(
        "time",
        { datetime: message.timestamp, title: fullTime(date) },
        startsGroup ? messageTime(date) : clockTime(date),
    );
    const classes = [
        "message",
        startsGroup ? "starts-group" : "",
        mentionsMe && !isMine ? "mentions-me" : "",
        isEphemeral ? "is-ephemeral" : "",
        message.pending ? `is-${message.pending}` : "",
    ];
    const head = startsGroup
        ? h(
              "div",
              { class: "message-head" },
              h("span", { class: "author" }, name),
              message.webhook_id && !message.application_id
                  ? h("span", { class: "tag webhook", title: "Sent through a webhook" }, "Relay")
                  : message.author.bot && h("span", { class: "tag" }, "Bot"),
              time,
          )
        : null;

    return h(
        "li",
        {
            class: classes.filter(Boolean).join(" "),
            id: `message-${message.id}`,
            data: { id: message.id },
            tabindex: "-1",
        },
        startsGroup ? contextLine(message, context) : null,
        h(
            "div",
            { class: "gutter" },
            startsGroup ? avatar({ ...message.author, webhook_id: message.webhook_id }, name) : time,
        ),
        h(
            "div",
            { class: "message-body" },
            head,
            content(message, context),
            (message.embeds ?? []).map((embed) => embedView(embed, context)),
            (message.attachments ?? []).map(attachmentView),
            componentsView(message, context),
            reactionsView(message, context),
            isEphemeral &&
                h(
                    "p",
                    { class: "message-note" },
                    "Only you can see this · ",
                    h(
                        "button",
                        { type: "button", class: "link-button", on: { click: () => context.actions.dismiss(message) } },
                        "Dismiss",
                    ),
                ),
            message.pending === "failed" &&
                h(
                    "p",
                    { class: "message-note failed" },
                    "Not sent · ",
                    h(
                        "button",
                        { type: "button", class: "link-button", on: { click: () => context.actions.retry(message) } },
                        "Try again",
                    ),
                    " · ",
                    h(
                        "button",
                        { type: "button", class: "link-button", on: { click: () => context.actions.discard(message) } },
                        "Discard",
                    ),
                ),
        ),
        message.pending || isEphemeral ? null : toolbar(
            message,
            isMine,
            world.guild(guildID)?.owner_id === world.me?.id,
            context,
        ),
    );
}

/** The author's name as this server knows it; a relayed message brings its own. */
export function authorName(message, { world, guildID }) {
    if (message.webhook_id && !message.application_id) return message.author.global_name || message.author.username;
    return world.displayName(message.author, guildID);
}

/** One line of text that stands for a message elsewhere. */
export function preview(message) {
    const text = plainText(parseMarkdown(message.content ?? "")).trim();
    if (text === "") return message.embeds?.length ? "Embed" : message.attachments?.length ? "Attachment" : "…";
    return text.length > previewLength ? `${text.slice(0, previewLength)}…` : text;
}

// What a message answers: another message, or a command.
function contextLine(message, context) {
    if (message.interaction_metadata) {
        const { user, name } = message.interaction_metadata;
        const command = name ?? message.interaction?.name;
        return h(
            "div",
            { class: "reply-line" },
            avatar(user, user.username, "tiny"),
            h("span", { class: "author" }, context.world.displayName(user, context.guildID)),
            " used ",
            h("span", { class: "mention" }, `/${command ?? "command"}`),
        );
    }
    if (message.type !== 19 && !message.message_reference?.message_id) return null;
    const original = message.referenced_message ?? context.world.message(
        message.channel_id,
        message.message_reference?.message_id,
    );
    if (!original) return h("div", { class: "reply-line" }, h("em", {}, "The original message was deleted"));
    return h(
        "button",
        { type: "button", class: "reply-line", on: { click: () => context.actions.jump(original.id) } },
        avatar(original.author, authorName(original, context), "tiny"),
        h("span", { class: "author" }, authorName(original, context)),
        h("span", { class: "reply-text" }, preview(original)),
    );
}

function content(message, context) {
    if (((message.flags ?? 0) & loading) !== 0 && !message.content) {
        return h("p", { class: "content thinking" }, dots(), `${authorName(message, context)} is thinking…`);
    }
    if (!message.content) return null;
    const tree = parseMarkdown(message.content);
    const isEmojiOnly = tree.length === 1 && tree[0].type === "text" && onlyEmoji.test(tree[0].text);
    return h(
        "div",
        { class: `content${isEmojiOnly ? " is-emoji" : ""}` },
        markdownNodes(tree, context.names),
        message.edited_timestamp &&
            h("span", { class: "edited", title: fullTime(new Date(message.edited_timestamp)) }, " (edited)"),
    );
}

export function dots() {
    return h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
}

function embedView(embed, context) {
    const text = (source) => markdownNodes(parseMarkdown(source), context.names);
    const view = h(
        "div",
        { class: "embed" },
        embed.author?.name && h("p", { class: "embed-author" }, embed.author.name),
        embed.title &&
            h(
                "p",
                { class: "embed-title" },
                isWebAddress(embed.url) ? h(
                    "a",
                    { href: embed.url, target: "_blank", rel: "noopener noreferrer nofollow" },
                    embed.title,
                ) : embed.title,
            ),
        embed.description && h("div", { class: "content" }, text(embed.description)),
        embed.fields?.length > 0 &&
            h(
                "dl",
                { class: "embed-fields" },
                embed.fields.map((field) =>
                    h(
                        "div",
                        { class: field.inline ? "inline" : null },
                        h("dt", {}, text(field.name)),
                        h("dd", {}, text(field.value)),
                    ),
                ),
            ),
        isWebAddress(embed.image?.url) && h(
            "img",
            { class: "embed-image", src: embed.image.url, alt: "", loading: "lazy" },
        ),
        (embed.footer?.text || embed.timestamp) &&
            h(
                "p",
                { class: "embed-footer" },
                [
                    embed.footer?.text,
                    embed.timestamp && messageTime(new Date(embed.timestamp)),
                ].filter(Boolean).join(" · "),
            ),
    );
    if (Number.isInteger(embed.color) && embed.color > 0) {
        view.style.setProperty("--embed", `#${(embed.color & 0xffffff).toString(16).padStart(6, "0")}`);
    }
    return view;
}

const isWebAddress = (text) => typeof text === "string" && /^https?:\/\//.test(text);

function attachmentView(attachment) {
    const isImage = attachment.content_type?.startsWith("image/") && isWebAddress(attachment.url);
    if (isImage) {
        return h(
            "img",
            {
                class: "embed-image",
                src: attachment.url,
                alt: attachment.description ?? attachment.filename,
                loading: "lazy",
            },
        );
    }
    return h(
        "p",
        { class: "attachment" },
        isWebAddress(attachment.url)
            ? h("a", { href: attachment.url, target: "_blank", rel: "noopener noreferrer" }, attachment.filename)
            : attachment.filename,
        h("small", {}, ` ${Math.ceil((attachment.size ?? 0) / 1024)} KB`),
    );
}

const buttonStyles = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };

function componentsView(message, context) {
    return (message.components ?? [])
        .filter((row) => row.type === 1)
        .map((row) => h(
            "div",
            { class: "component-row" },
            (row.components ?? []).map((part) => componentView(part, message, context)),
        ));
}

function componentView(component, message, context) {
    const label = component.label ?? component.emoji?.name ?? "Button";
    if (component.type === 2 && component.style === 5) {
        return isWebAddress(component.url)
            ? h(
                "a",
                {
                    class: "button secondary",
                    href: component.url,
                    target: "_blank",
                    rel: "noopener noreferrer nofollow",
                },
                label,
            )
            : null;
    }
    if (component.type === 2) {
        return h(
            "button",
            {
                type: "button",
                class: `button ${buttonStyles[component.style] ?? "secondary"}`,
                disabled: component.disabled === true,
                on: { click: () => context.actions.press(message, component) },
            },
            component.label && component.emoji?.name ? `${component.emoji.name} ${label}` : label,
        );
    }
    if (component.type === 3) {
        const select = h(
            "select",
            { "aria-label": component.placeholder ?? "Choose", disabled: component.disabled === true },
            h("option", { value: "" }, component.placeholder ?? "Choose…"),
            (component.options ?? []).map((option) => h("option", { value: option.value }, option.label)),
        );
        select.addEventListener("change", () => {
            if (select.value !== "") context.actions.press(message, component, [select.value]);
        });
        return select;
    }
    return null;
}

function reactionsView(message, context) {
    const reactions = message.reactions ?? [];
    if (reactions.length === 0) return null;
    return h(
        "ul",
        { class: "reactions", "aria-label": "Reactions" },
        reactions.map((reaction) => {
            const shown = reaction.emoji.id ? `:${reaction.emoji.name}:` : reaction.emoji.name;
            return h(
                "li",
                {},
                h(
                    "button",
                    {
                        type: "button",
                        class: `reaction${reaction.me ? " is-mine" : ""}`,
                        "aria-pressed": String(reaction.me === true),
                        "aria-label": `${shown}, ${reaction.count}`,
                        on: { click: () => context.actions.react(message, reaction.emoji) },
                    },
                    h("span", { class: "emoji" }, shown),
                    h("span", { class: "count" }, String(reaction.count)),
                ),
            );
        }),
    );
}

function toolbar(message, isMine, isOwner, { actions }) {
    const pick = iconButton("smile", "Add a reaction", () => actions.pickReaction(message, pick));
    return h(
        "div",
        { class: "message-tools", role: "group", "aria-label": "Message" },
        pick,
        iconButton("reply", "Reply", () => actions.reply(message)),
        isMine && iconButton("pencil", "Edit", () => actions.edit(message)),
        (isMine || isOwner) && iconButton(
            "bin",
            "Delete",
            (event) => actions.remove(message, event.shiftKey),
            { class: "danger" },
        ),
    );
}

/** The first line of a channel. */
export function channelStart(channel) {
    return h(
        "li",
        { class: "channel-start" },
        h("span", { class: "channel-start-mark" }, icon("hash")),
        h("h2", {}, `Welcome to #${channel.name}`),
        h(
            "p",
            {},
            channel.topic ||
                `This is the beginning of #${channel.name}. Say something, or type / for the bots' commands.`,
        ),
    );
}
