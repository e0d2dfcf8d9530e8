// What a person does with messages: reads, sends, edits, deletes, reacts, runs commands.

import { h } from "./dom.js";
import { commandInteraction } from "./commands.js";
import { withMentions, withNames } from "./mentions.js";
import { confirmAction } from "./views/dialogs.js";
import { preview } from "./views/message-view.js";

const pageSize = 50;
const typingEvery = 8_000;

export class Conversation {
    #typedAt = 0;
    #sending = Promise.resolve();

    /** `place()` gives the open {guildID, channelID}; `list` shows its messages; `doneEditing` follows an edit. */
    constructor({ rest, world, notices, list, place, doneEditing }) {
        Object.assign(this, { rest, world, notices, list, place, doneEditing });
    }

    #members() {
        return [...(this.world.guild(this.place().guildID)?.members.values() ?? [])];
    }

    /** Adds one page of history to the world, the newest first. */
    async loadOlder(channel) {
        const timeline = this.world.timeline(channel.id);
        const oldest = timeline.isLoaded ? timeline.messages[0]?.id : undefined;
        const before = oldest === undefined ? "" : `&before=${oldest}`;
        const page = await this.rest.get(`/channels/${channel.id}/messages?limit=${pageSize}${before}`);
        this.world.addHistory(channel.id, page, pageSize);
    }

    async send(text, reply) {
        await this.#deliver(this.place().channelID, withMentions(text, this.#members()), reply);
    }

    async #deliver(channelID, content, reply) {
        const nonce = makeNonce();
        this.world.addPending(channelID, { nonce, content, reply, now: Date.now() });
        this.list.render();
        this.list.scrollToBottom();
        // One after the other, so that messages stand in the order in which they were written.
        this.#sending = this.#sending.then(() => this.#post(channelID, { nonce, content, reply }));
        await this.#sending;
    }

    async #post(channelID, { nonce, content, reply }) {
        try {
            const message = await this.rest.post(`/channels/${channelID}/messages`, {
                content,
                nonce,
                enforce_nonce: true,
                message_reference: reply ? { message_id: reply.id } : undefined,
            });
            this.world.putMessage({ ...message, nonce });
        } catch (error) {
            this.world.failPending(channelID, nonce);
            this.notices.show(error.message);
        }
        this.#typedAt = 0;
        this.list.render();
    }

    discard(line) {
        this.world.dropPending(line.channel_id, line.nonce);
        this.list.render();
    }

    retry(line) {
        this.world.dropPending(line.channel_id, line.nonce);
        this.#deliver(line.channel_id, line.content, line.referenced_message ?? null);
    }

    async run(line) {
        const body = commandInteraction(line, { ...this.place(), nonce: makeNonce() });
        await this.#attempt(() => this.rest.post("/interactions", body));
    }

    async press(message, component, values) {
        await this.#attempt(() =>
            this.rest.post("/interactions", {
                type: 3,
                application_id: message.application_id ?? message.author.id,
                guild_id: this.place().guildID,
                channel_id: message.channel_id,
                message_id: message.id,
                nonce: makeNonce(),
                data: { component_type: component.type, custom_id: component.custom_id, values },
            }),
        );
    }

    typing() {
        const now = Date.now();
        const { channelID } = this.place();
        if (now - this.#typedAt < typingEvery || channelID === null) return;
        this.#typedAt = now;
        // A hint that is lost does no harm.
        this.rest.post(`/channels/${channelID}/typing`).catch(() => {});
    }

    edit(message) {
        const members = this.#members();
        this.list.edit(message, withNames(message.content, members), {
            save: async (text) => {
                const content = withMentions(text, members);
                if (content === "") return this.remove(message, false);
                if (content === message.content) return;
                const changed = await this.rest.patch(
                    `/channels/${message.channel_id}/messages/${message.id}`,
                    { content },
                );
                this.world.apply("MESSAGE_UPDATE", changed);
            },
            done: this.doneEditing,
        });
    }

    editLast() {
        const mine = this.world
            .timeline(this.place().channelID)
            .messages.findLast((message) => message.author.id === this.world.me.id && !message.webhook_id);
        if (mine === undefined) return false;
        this.edit(mine);
        return true;
    }

    async remove(message, isSure) {
        const detail = h("blockquote", { class: "quoted" }, preview(message));
        if (!isSure && !(await confirmAction({ title: "Delete this message?", detail, button: "Delete" }))) return;
        await this.#attempt(async () => {
            await this.rest.delete(`/channels/${message.channel_id}/messages/${message.id}`);
            this.world.deleteMessages(message.channel_id, [message.id]);
            this.list.render();
        });
    }

    async react(message, emoji, onlyAdd = false) {
        const current = this.world.message(message.channel_id, message.id) ?? message;
        const mine = (current.reactions ?? []).some(
            (reaction) => reaction.me && reaction.emoji.id === emoji.id && reaction.emoji.name === emoji.name,
        );
        if (mine && onlyAdd) return;
        const name = encodeURIComponent(emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name);
        const path = `/channels/${message.channel_id}/messages/${message.id}/reactions/${name}/@me`;
        const event = { user_id: this.world.me.id, channel_id: message.channel_id, message_id: message.id, emoji };
        await this.#attempt(async () => {
            await (mine ? this.rest.delete(path) : this.rest.put(path));
            this.world.apply(mine ? "MESSAGE_REACTION_REMOVE" : "MESSAGE_REACTION_ADD", event);
            this.list.render();
        });
    }

    async #attempt(work) {
        try {
            await work();
        } catch (error) {
            this.notices.show(error.message);
        }
    }
}

let lastNonce = 0n;

// Shaped like a snowflake of now, and never the same twice.
function makeNonce() {
    const made = (BigInt(Date.now()) - 1_420_070_400_000n) << 22n;
    lastNonce = made > lastNonce ? made : lastNonce + 1n;
    return String(lastNonce);
}
