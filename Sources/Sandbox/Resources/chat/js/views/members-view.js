import { avatar, h, replaceChildren } from "../dom.js";

const shownMembers = 500;

/** The people and bots of one server. */
export class MembersView {
    constructor({ mention }) {
        this.mention = mention;
        this.body = h("div", { class: "members-body" });
        this.element = h("aside", { class: "members", id: "members", "aria-label": "Members" }, this.body);
    }

    render(world, guildID) {
        const members = [...(world.guild(guildID)?.members.values() ?? [])].map((member) => ({
            member,
            name: world.displayName(member.user, guildID),
        }));
        members.sort((a, b) => a.name.localeCompare(b.name));
        const bots = members.filter(({ member }) => member.user.bot);
        const people = members.filter(({ member }) => !member.user.bot);
        replaceChildren(this.body, this.#section("Bots", bots), this.#section("People", people));
    }

    #section(title, members) {
        if (members.length === 0) return null;
        const rest = members.length - shownMembers;
        return [
            h("h2", {}, `${title} — ${members.length}`),
            h(
                "ul",
                {},
                members.slice(0, shownMembers).map(({ member, name }) =>
                    h(
                        "li",
                        {},
                        h(
                            "button",
                            {
                                type: "button",
                                class: "member",
                                title: `Mention @${member.user.username}`,
                                on: { click: () => this.mention(member.user) },
                            },
                            avatar(member.user, name, "small"),
                            h("span", { class: "member-name" }, name),
                            member.user.bot && h("span", { class: "tag" }, "Bot"),
                        ),
                    ),
                ),
            ),
            rest > 0 && h("p", { class: "hint" }, `and ${rest} more`),
        ];
    }
}
