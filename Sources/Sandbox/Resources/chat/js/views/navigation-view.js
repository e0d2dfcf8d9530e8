import { h, icon, iconButton, initials, replaceChildren } from "../dom.js";

/** The rail of servers. */
export class RailView {
    constructor({ select, create }) {
        this.select = select;
        this.list = h("ul", { class: "rail-list" });
        this.element = h(
            "nav",
            { class: "rail", "aria-label": "Servers" },
            this.list,
            iconButton("plus", "Add a server", () => create(), { class: "rail-add" }),
        );
    }

    render(world, selectedID) {
        const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.guild : null;
        replaceChildren(
            this.list,
            world.sortedGuilds().map((guild) => {
                const unread = world.guildUnread(guild.id);
                const isSelected = guild.id === selectedID;
                const isUnread = unread.count > 0 ? ", unread" : "";
                const state = unread.mentions > 0 ? `, ${unread.mentions} mentions` : isUnread;
                return h(
                    "li",
                    { class: `rail-item${isSelected ? " is-selected" : ""}${unread.count > 0 ? " is-unread" : ""}` },
                    h(
                        "button",
                        {
                            type: "button",
                            class: "rail-button",
                            data: { guild: guild.id },
                            title: guild.name,
                            "aria-label": `${guild.name}${state}`,
                            "aria-current": isSelected ? "true" : null,
                            on: { click: () => this.select(guild.id) },
                        },
                        initials(guild.name),
                    ),
                    unread.mentions > 0 && h(
                        "span",
                        { class: "badge", "aria-hidden": "true" },
                        String(unread.mentions),
                    ),
                );
            }),
        );
        if (focused !== null) this.list.querySelector(`[data-guild="${focused}"]`)?.focus();
    }
}

/** The channels of one server. */
export class ChannelsView {
    constructor({ select, create }) {
        this.select = select;
        this.title = h("h2", { class: "server-name" });
        this.list = h("ul", { class: "channel-list" });
        this.add = iconButton("plus", "Create a channel", () => create());
        this.element = h(
            "nav",
            { class: "channels", "aria-label": "Channels" },
            h("header", { class: "pane-header" }, this.title),
            h(
                "div",
                { class: "channels-body" },
                h("div", { class: "section-head" }, h("h3", {}, "Text channels"), this.add),
                this.list,
            ),
        );
    }

    render(world, guildID, selectedID) {
        const guild = world.guild(guildID);
        this.title.textContent = guild?.name ?? "No server";
        this.add.hidden = guild === null;
        const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.channel : null;
        const channels = guild === null ? [] : world.textChannels(guildID);
        replaceChildren(
            this.list,
            channels.map((channel) => {
                const unread = channel.id === selectedID ? null : world.unread.get(channel.id);
                const isSelected = channel.id === selectedID;
                const label = `${channel.name}${unread ? `, ${unread.count} unread` : ""}`;
                return h(
                    "li",
                    {},
                    h(
                        "button",
                        {
                            type: "button",
                            class: `channel${isSelected ? " is-selected" : ""}${unread ? " is-unread" : ""}`,
                            data: { channel: channel.id },
                            "aria-label": label,
                            "aria-current": isSelected ? "page" : null,
                            on: { click: () => this.select(channel.id) },
                        },
                        icon("hash"),
                        h("span", { class: "channel-name" }, channel.name),
                        unread?.mentions > 0 && h(
                            "span",
                            { class: "badge", "aria-hidden": "true" },
                            String(unread.mentions),
                        ),
                    ),
                );
            }),
            guild !== null && channels.length === 0 && h(
                "li",
                { class: "hint" },
                "No channels yet. Create one with +.",
            ),
        );
        if (focused !== null) this.list.querySelector(`[data-channel="${focused}"]`)?.focus();
    }
}
