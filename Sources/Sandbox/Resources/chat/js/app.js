// The chat page after log-in: one World, one Gateway, and the views that show them.

import { avatar, h, iconButton, replaceChildren } from "./dom.js";
import { commandForms } from "./commands.js";
import { Conversation } from "./conversation.js";
import { Gateway } from "./gateway.js";
import { World } from "./world.js";
import { ChannelsView, RailView } from "./views/navigation-view.js";
import { Composer } from "./views/composer.js";
import { ConnectionView } from "./views/connection-view.js";
import { askName, pickEmoji } from "./views/dialogs.js";
import { MembersView } from "./views/members-view.js";
import { authorName, dots, preview } from "./views/message-view.js";
import { MessageList } from "./views/message-list.js";

export class App {
    #guildID = null;
    #channelID = null;
    #lastChannels = new Map();
    #commands = new Map();
    #dirty = new Set();
    #listeners = new AbortController();

    constructor({ rest, gatewayURL, notices, leave }) {
        this.rest = rest;
        this.notices = notices;
        this.world = new World();
        this.gateway = new Gateway({ url: gatewayURL, token: rest.token });
        this.connection = new ConnectionView();
        this.rail = new RailView({ select: (id) => this.openGuild(id), create: () => this.#addServer() });
        this.channels = new ChannelsView({ select: (id) => this.openChannel(id), create: () => this.#addChannel() });
        this.members = new MembersView({ mention: (user) => this.composer.insertText(`@${user.username} `) });
        this.list = new MessageList({
            world: this.world,
            context: () => this.#context(),
            loadOlder: (channel) => this.conversation.loadOlder(channel),
            sawBottom: () => this.#markRead(),
        });
        this.conversation = new Conversation({
            rest,
            world: this.world,
            notices,
            list: this.list,
            place: () => ({ guildID: this.#guildID, channelID: this.#channelID }),
            doneEditing: () => this.composer.focus(),
        });
        this.composer = new Composer({
            send: (text, reply) => this.conversation.send(text, reply),
            run: (line) => this.conversation.run(line),
            typing: () => this.conversation.typing(),
            editLast: () => this.conversation.editLast(),
            commands: () => this.#commands.get(this.#guildID) ?? [],
            members: () => this.#memberList(),
            context: () => this.#context(),
            say: (text) => notices.say(text),
        });
        this.leave = leave;
        this.element = this.#layout();
    }

    #layout() {
        this.title = h("h1", { class: "channel-title" });
        this.topic = h("p", { class: "channel-topic" });
        this.typists = h("p", { class: "typing", "aria-live": "polite" });
        this.panel = h("section", { class: "user-panel", "aria-label": "Your account" });
        this.membersButton = iconButton(
            "people",
            "Members",
            () => this.#toggle("members"),
            { "aria-expanded": "true", "aria-controls": "members" },
        );
        this.menuButton = iconButton(
            "menu",
            "Servers and channels",
            () => this.#toggle("navigation"),
            { class: "menu-button", "aria-expanded": "false", "aria-controls": "navigation" },
        );
        const navigation = h(
            "div",
            { class: "navigation", id: "navigation" },
            this.rail.element,
            h("div", { class: "channels-pane" }, this.channels.element, this.panel),
        );
        const main = h(
            "main",
            { class: "main" },
            h("header", { class: "pane-header" }, this.menuButton, this.title, this.topic, this.membersButton),
            this.connection.banner,
            this.list.element,
            this.typists,
            this.composer.element,
        );
        const veil = h("div", { class: "veil", on: { click: () => this.#closeDrawers() } });
        this.empty = h("div", { class: "main-empty" });
        main.append(this.empty);
        return h("div", { class: "app" }, navigation, main, this.members.element, veil);
    }

    start() {
        const { signal } = this.#listeners;
        this.gateway.addEventListener("dispatch", ({ detail }) => this.#dispatched(detail.name, detail.data));
        this.gateway.addEventListener("stopped", ({ detail }) => {
            if (detail.reason === "unauthorized") this.leave("Your log-in has ended. Log in again.");
            else this.notices.show(`The connection ended: ${detail.reason}.`);
        });
        addEventListener("hashchange", () => this.#followAddress(), { signal });
        addEventListener("keydown", (event) => event.key === "Escape" && this.#closeDrawers(), { signal });
        document.addEventListener("visibilitychange", () => this.#markRead(), { signal });
        this.timer = setInterval(() => this.#drawTyping(), 1000);
        this.connection.follow(this.gateway);
        this.#showEmpty("loading");
        this.gateway.connect();
    }

    stop() {
        this.#listeners.abort();
        clearInterval(this.timer);
        this.connection.leave();
        this.gateway.stop();
        document.title = "Flotilla Sandbox";
    }

    #dispatched(name, data) {
        if (name === "INTERACTION_FAILURE") return this.notices.show("The application did not respond.");
        const changes = this.world.apply(name, data);
        if (name === "MESSAGE_CREATE") this.#announce(data);
        if (changes.includes("reset")) return this.#reset();
        for (const change of changes) this.#dirty.add(change);
        // Many events of one moment are drawn once; a page in the background draws too, so no animation frame.
        if (this.#dirty.size > 0 && !this.drawing) this.drawing = setTimeout(() => this.#draw(), 0);
    }

    #draw() {
        this.drawing = null;
        const dirty = this.#dirty;
        this.#dirty = new Set();
        if (dirty.has("guilds") || dirty.has("channels")) {
            const isGone = this.#channelID !== null && this.world.channel(this.#channelID) === null;
            if (isGone || (this.#guildID === null && this.world.guilds.size > 0)) return this.#followAddress();
        }
        this.#markRead();
        if (dirty.has("guilds") || dirty.has("unread")) this.rail.render(this.world, this.#guildID);
        if (dirty.has("channels") || dirty.has("guilds") || dirty.has("unread")) this.#drawChannels();
        if (dirty.has("members")) {
            this.members.render(this.world, this.#guildID);
            this.list.invalidate();
        } else if (dirty.has("messages")) this.list.render();
        if (dirty.has("typing")) this.#drawTyping();
        if (dirty.has("channels")) this.#drawHeader();
    }

    #drawChannels() {
        this.channels.render(this.world, this.#guildID, this.#channelID);
        const total = [...this.world.unread.values()].reduce((sum, unread) => sum + unread.count, 0);
        const channel = this.world.channel(this.#channelID);
        document.title = `${total > 0 ? `(${total}) ` : ""}${channel ? `#${channel.name} · ` : ""}Flotilla Sandbox`;
    }

    #reset() {
        const { me } = this.world;
        this.#commands.clear();
        replaceChildren(
            this.panel,
            avatar(me, me.global_name ?? me.username, "small"),
            h("div", { class: "user-text" }, h("strong", {}, me.global_name ?? me.username), this.connection.badge),
            iconButton("leave", "Log out", () => this.#logOut()),
        );
        this.#guildID = null;
        this.#channelID = null;
        this.#followAddress();
    }

    // Words for screen readers: what others say in the channel that is open.
    #announce(message) {
        if (message.channel_id !== this.#channelID || message.author?.id === this.world.me?.id) return;
        this.notices.say(`${authorName(message, this.#context())}: ${preview(message)}`);
    }

    #followAddress() {
        const [, guildID, channelID] = location.hash.split("/");
        const channel = channelID === undefined ? null : this.world.channel(channelID);
        if (channel !== null && channel.guild_id === guildID) return this.#show(guildID, channelID);
        const guild = this.world.guild(guildID) ?? this.world.guild(this.#guildID) ?? this.world.sortedGuilds()[0];
        this.openGuild(guild?.id ?? null);
    }

    openGuild(guildID) {
        const channels = guildID === null ? [] : this.world.textChannels(guildID);
        const last = this.#lastChannels.get(guildID);
        const channel = channels.find(({ id }) => id === last) ?? channels[0] ?? null;
        this.#show(guildID, channel?.id ?? null);
    }

    openChannel(channelID) {
        this.#show(this.#guildID, channelID);
        this.#closeDrawers();
        if (matchMedia("(hover: hover)").matches) this.composer.focus();
    }

    #show(guildID, channelID) {
        this.list.endEdit();
        const isSameGuild = guildID === this.#guildID;
        this.#guildID = guildID;
        this.#channelID = channelID;
        const channel = this.world.channel(channelID);
        const address = guildID === null ? "#/" : channelID === null ? `#/${guildID}` : `#/${guildID}/${channelID}`;
        if (location.hash !== address) history.pushState(null, "", address);
        if (channelID !== null) this.#lastChannels.set(guildID, channelID);
        if (guildID === null) this.#showEmpty("no server");
        else if (channel === null) this.#showEmpty("no channel");
        else this.empty.hidden = true;
        this.#markRead();
        this.rail.render(this.world, guildID);
        this.#drawChannels();
        this.#drawHeader();
        this.members.render(this.world, guildID);
        this.list.show(channel);
        this.composer.show(channel);
        this.#drawTyping();
        if (guildID !== null && (!isSameGuild || !this.#commands.has(guildID))) this.#loadCommands(guildID);
        if (!isSameGuild) this.#loadMembers(guildID);
    }

    #drawHeader() {
        const channel = this.world.channel(this.#channelID);
        this.title.textContent = channel?.name ?? "";
        this.topic.textContent = channel?.topic ?? "";
        this.topic.title = channel?.topic ?? "";
    }

    #showEmpty(kind) {
        this.empty.hidden = false;
        const add = (label, run) => h("button", { type: "button", class: "button primary", on: { click: run } }, label);
        switch (kind) {
            case "loading":
                return replaceChildren(
                    this.empty,
                    h("span", { class: "spinner big", "aria-hidden": "true" }),
                    h("p", { role: "status" }, "Connecting to the sandbox…"),
                );
            case "no server":
                return replaceChildren(
                    this.empty,
                    h("h2", {}, "No servers yet"),
                    h("p", {}, "Create one: its first channel and the demo bot come with it."),
                    add("Create a server", () => this.#addServer()),
                );
            case "no channel":
                return replaceChildren(
                    this.empty,
                    h("h2", {}, "No text channels"),
                    h("p", {}, "Create one to start talking."),
                    add("Create a channel", () => this.#addChannel()),
                );
        }
    }

    #markRead() {
        if (document.visibilityState !== "visible" || this.#channelID === null || !this.list.isAtBottom) return;
        if (this.world.markRead(this.#channelID)) {
            this.rail.render(this.world, this.#guildID);
            this.#drawChannels();
        }
    }

    #drawTyping() {
        const names = this.#channelID === null ? [] : this.world.typingNames(this.#channelID);
        let text = names.length > 3 ? "Several people are typing…" : `${names.join(", ")} are typing…`;
        if (names.length === 1) text = `${names[0]} is typing…`;
        if (names.length === 0) text = "";
        if (this.typists.dataset.text === text) return;
        this.typists.dataset.text = text;
        replaceChildren(this.typists, text !== "" && dots(), text);
    }

    #context() {
        const guildID = this.#guildID;
        const { world } = this;
        return {
            world,
            guildID,
            names: {
                user: (id) => (world.users.has(id) ? world.displayName(world.users.get(id), guildID) : null),
                role: (id) => world.guild(guildID)?.roles.get(id)?.name ?? null,
                channel: (id) => world.channel(id)?.name ?? null,
            },
            actions: {
                reply: (message) => this.composer.replyTo(message),
                edit: (message) => this.conversation.edit(message),
                remove: (message, isSure) => this.conversation.remove(message, isSure),
                react: (message, emoji) => this.conversation.react(message, emoji),
                pickReaction: (message, anchor) => pickEmoji(
                    anchor,
                    (emoji) => this.conversation.react(message, emoji, true),
                ),
                press: (message, component, values) => this.conversation.press(message, component, values),
                jump: (id) => this.list.reveal(id) || this.notices.show("That message is further up.", "plain"),
                retry: (message) => this.conversation.retry(message),
                discard: (message) => this.conversation.discard(message),
                dismiss: (message) => {
                    world.deleteMessages(message.channel_id, [message.id]);
                    this.list.render();
                },
            },
        };
    }

    #memberList() {
        return [...(this.world.guild(this.#guildID)?.members.values() ?? [])];
    }

    async #loadCommands(guildID) {
        try {
            const index = await this.rest.get(`/guilds/${guildID}/application-command-index`);
            this.#commands.set(guildID, commandForms(index.application_commands ?? []));
        } catch (error) {
            this.notices.show(`The bots' commands could not be read. ${error.message}`);
        }
    }

    // A large server's READY holds a part of its members.
    async #loadMembers(guildID) {
        const guild = this.world.guild(guildID);
        if (guild === null || guild.members.size >= Math.min(guild.member_count ?? 0, 1000)) return;
        try {
            const members = await this.rest.get(`/guilds/${guildID}/members?limit=1000`);
            for (const member of members) this.world.apply("GUILD_MEMBER_UPDATE", { ...member, guild_id: guildID });
            this.members.render(this.world, this.#guildID);
        } catch (error) {
            this.notices.show(`The members could not be read. ${error.message}`);
        }
    }

    #addServer() {
        askName({
            title: "Add a server",
            label: "Name of the new server, or the id of one to join",
            placeholder: "Lantern Bay",
            button: "Add",
            act: async (name) => {
                const isID = /^\d{16,20}$/.test(name);
                const guild = isID ? (await this.rest.put(
                    `/guilds/${name}/members/@me`,
                    {},
                ), { id: name }) : await this.rest.post("/guilds", { name });
                await this.#arrival(() => this.world.guild(guild.id) !== null);
                return () => this.openGuild(guild.id);
            },
        });
    }

    #addChannel() {
        const guildID = this.#guildID;
        askName({
            title: "Create a channel",
            label: "Name",
            placeholder: "tides",
            extra: "Topic (may stay empty)",
            button: "Create",
            clean: (text) => text.trim().toLowerCase().replace(/\s+/g, "-"),
            act: async (name, topic) => {
                const channel = await this.rest.post(
                    `/guilds/${guildID}/channels`,
                    { name, topic: topic || undefined, type: 0 },
                );
                this.world.apply("CHANNEL_CREATE", { ...channel, guild_id: guildID });
                return () => this.openChannel(channel.id);
            },
        });
    }

    // Waits, a short while at most, for an event of the gateway to be applied.
    async #arrival(condition) {
        const limit = AbortSignal.timeout(5_000);
        while (!condition() && !limit.aborted) {
            await new Promise((resolve) => {
                const done = () => resolve();
                this.gateway.addEventListener("dispatch", done, { once: true });
                limit.addEventListener("abort", done, { once: true });
            });
        }
    }

    async #logOut() {
        // The account leaves this page even when the server can't be told.
        await this.rest.post("/auth/logout").catch(() => {});
        this.leave("");
    }

    #toggle(name) {
        const { classList } = this.element;
        const isWide = matchMedia("(min-width: 1000px)").matches;
        if (name === "members" && isWide) {
            const isHidden = classList.toggle("hides-members");
            this.membersButton.setAttribute("aria-expanded", String(!isHidden));
            return;
        }
        const other = name === "members" ? "navigation" : "members";
        classList.remove(`opens-${other}`);
        const isOpen = classList.toggle(`opens-${name}`);
        (name === "members" ? this.membersButton : this.menuButton).setAttribute("aria-expanded", String(isOpen));
        if (isOpen && name === "navigation") this.rail.element.querySelector("button")?.focus();
        if (isOpen && name === "members") this.members.element.querySelector("button")?.focus();
    }

    #closeDrawers() {
        const { classList } = this.element;
        let wasOpen = null;
        if (classList.contains("opens-navigation")) wasOpen = this.menuButton;
        if (classList.contains("opens-members")) wasOpen = this.membersButton;
        classList.remove("opens-navigation", "opens-members");
        if (wasOpen === null) return;
        wasOpen.setAttribute("aria-expanded", "false");
        wasOpen.focus();
    }
}
