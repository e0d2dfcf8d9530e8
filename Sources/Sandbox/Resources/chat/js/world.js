// What this account can see: servers, channels, members and the messages read so far. Fed by gateway dispatches and
// REST answers, read by the views. Knows no DOM and no network.

const typingSpan = 10_000;
const keptMessages = 3_000;
const keptUnopened = 50;

export const textChannelTypes = new Set([0, 5]);

export class World {
    constructor() {
        this.me = null;
        this.guilds = new Map();
        this.timelines = new Map();
        this.typing = new Map();
        this.unread = new Map();
        this.users = new Map();
    }

    /**
     * Takes one dispatch. The answer names what changed: "guilds", "channels", "members", "messages", "typing";
     * "reset" after READY, when everything read before may be stale.
     */
    apply(name, data, now = Date.now()) {
        const handler = handlers[name];
        return handler === undefined ? [] : (handler(this, data, now) ?? []);
    }

    guild(id) {
        return this.guilds.get(id) ?? null;
    }

    /** Servers by name. */
    sortedGuilds() {
        return [...this.guilds.values()].sort((a, b) => a.name.localeCompare(b.name) || compareIDs(a.id, b.id));
    }

    channel(id) {
        for (const guild of this.guilds.values()) {
            const channel = guild.channels.get(id);
            if (channel !== undefined) return channel;
        }
        return null;
    }

    /** Text channels in their order. */
    textChannels(guildID) {
        return [...(this.guild(guildID)?.channels.values() ?? [])]
            .filter((channel) => textChannelTypes.has(channel.type))
            .sort((a, b) => a.position - b.position || compareIDs(a.id, b.id));
    }

    /** The name that a user has in a server: nickname, display name or user name. */
    displayName(user, guildID) {
        const member = this.guild(guildID)?.members.get(user.id);
        const known = member?.user ?? user;
        return member?.nick || known.global_name || known.username;
    }

    timeline(channelID) {
        let timeline = this.timelines.get(channelID);
        if (timeline === undefined) {
            timeline = { messages: [], pending: [], reachedStart: false, isLoaded: false };
            this.timelines.set(channelID, timeline);
        }
        return timeline;
    }

    message(channelID, id) {
        return this.timelines.get(channelID)?.messages.find((message) => message.id === id) ?? null;
    }

    /** A page of history as REST gives it, newest first. `limit` is what was asked for. */
    addHistory(channelID, page, limit) {
        const timeline = this.timeline(channelID);
        for (const message of page) this.#remember(message);
        timeline.messages = merged(timeline.messages, page);
        timeline.isLoaded = true;
        if (page.length < limit) timeline.reachedStart = true;
    }

    /** One message, new or changed. What comes before the first page is read joins that page. */
    putMessage(message) {
        this.#remember(message);
        const timeline = this.timeline(message.channel_id);
        if (message.nonce && message.author?.id === this.me?.id) this.dropPending(
            message.channel_id,
            String(message.nonce),
        );
        const limit = timeline.isLoaded ? keptMessages : keptUnopened;
        timeline.messages = merged(timeline.messages, [message]);
        if (timeline.messages.length > limit) {
            timeline.messages = timeline.messages.slice(-limit);
            timeline.reachedStart = false;
        }
    }

    updateMessage(channelID, id, change) {
        const timeline = this.timelines.get(channelID);
        const index = timeline?.messages.findIndex((message) => message.id === id) ?? -1;
        if (index < 0) return false;
        const updated = change(timeline.messages[index]);
        timeline.messages = [...timeline.messages];
        timeline.messages[index] = updated;
        return true;
    }

    deleteMessages(channelID, ids) {
        const timeline = this.timelines.get(channelID);
        if (timeline === undefined) return;
        const gone = new Set(ids);
        timeline.messages = timeline.messages.filter((message) => !gone.has(message.id));
    }

    /** A line that is shown before the server has it. */
    addPending(channelID, { nonce, content, reply, now }) {
        this.timeline(channelID).pending.push({
            id: `pending-${nonce}`,
            nonce,
            type: reply ? 19 : 0,
            channel_id: channelID,
            author: this.me,
            content,
            timestamp: new Date(now).toISOString(),
            message_reference: reply ? { message_id: reply.id } : undefined,
            referenced_message: reply ?? undefined,
            pending: "sending",
        });
    }

    failPending(channelID, nonce) {
        const timeline = this.timeline(channelID);
        timeline.pending = timeline.pending.map(
            (line) => (line.nonce === nonce ? { ...line, pending: "failed" } : line),
        );
    }

    dropPending(channelID, nonce) {
        const timeline = this.timeline(channelID);
        timeline.pending = timeline.pending.filter((line) => line.nonce !== nonce);
    }

    /** Names of others who typed in the last ten seconds. */
    typingNames(channelID, now = Date.now()) {
        const guildID = this.channel(channelID)?.guild_id;
        return [...(this.typing.get(channelID) ?? [])]
            .filter(([userID, until]) => until > now && userID !== this.me?.id)
            .map(([userID]) => this.users.get(userID))
            .filter((user) => user !== undefined)
            .map((user) => this.displayName(user, guildID));
    }

    markRead(channelID) {
        return this.unread.delete(channelID);
    }

    /** {count, mentions} of a server's unread messages. */
    guildUnread(guildID) {
        const sum = { count: 0, mentions: 0 };
        for (const channel of this.guild(guildID)?.channels.values() ?? []) {
            const unread = this.unread.get(channel.id);
            sum.count += unread?.count ?? 0;
            sum.mentions += unread?.mentions ?? 0;
        }
        return sum;
    }

    #remember(message) {
        if (!message.webhook_id && message.author) this.users.set(message.author.id, message.author);
        for (const user of message.mentions ?? []) this.users.set(user.id, user);
    }
}

function merged(messages, added) {
    const byID = new Map(messages.map((message) => [message.id, message]));
    for (const message of added) byID.set(message.id, message);
    return [...byID.values()].sort((a, b) => compareIDs(a.id, b.id));
}

/** Snowflakes in their order of time. */
export function compareIDs(a, b) {
    return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function byID(list) {
    return new Map((list ?? []).map((item) => [item.id, item]));
}

function madeGuild(world, data) {
    const members = (data.members ?? []).filter((member) => member.user);
    for (const member of members) world.users.set(member.user.id, member.user);
    const channels = (data.channels ?? []).map((channel) => ({ ...channel, guild_id: data.id }));
    return {
        ...data,
        channels: byID(channels),
        roles: byID(data.roles),
        members: new Map(members.map((member) => [member.user.id, member])),
    };
}

function putIn(world, guildID, kind, id, value) {
    const guild = world.guild(guildID);
    if (guild === null) return;
    if (value === null) guild[kind].delete(id);
    else guild[kind].set(id, value);
}

function putChannel(world, data) {
    putIn(world, data.guild_id, "channels", data.id, data);
    return ["channels"];
}

function putRole(world, data) {
    putIn(world, data.guild_id, "roles", data.role.id, data.role);
    return ["members", "messages"];
}

function putMember(world, data) {
    const guild = world.guild(data.guild_id);
    const user = data.user;
    if (guild === null || !user) return [];
    world.users.set(user.id, user);
    guild.members.set(user.id, { ...guild.members.get(user.id), ...data });
    return ["members", "messages"];
}

const sameEmoji = (a, b) => (a.id ? a.id === b.id : a.name === b.name && !b.id);

function react(world, data, step) {
    const mine = data.user_id === world.me?.id;
    const known = world.updateMessage(data.channel_id, data.message_id, (message) => {
        const reactions = [...(message.reactions ?? [])];
        const index = reactions.findIndex((reaction) => sameEmoji(reaction.emoji, data.emoji));
        const before = reactions[index] ?? { emoji: data.emoji, count: 0, me: false };
        // Our own change was shown when its request was sent.
        if (mine && before.me === step > 0) return message;
        const after = { ...before, count: before.count + step, me: mine ? step > 0 : before.me };
        if (index < 0) reactions.push(after);
        else reactions[index] = after;
        return { ...message, reactions: reactions.filter((reaction) => reaction.count > 0) };
    });
    return known ? ["messages"] : [];
}

const handlers = {
    READY(world, data) {
        world.me = data.user;
        world.guilds.clear();
        // What this person wrote and the server has not taken stays.
        for (const [id, { pending }] of [...world.timelines]) {
            world.timelines.delete(id);
            if (pending.length > 0) world.timeline(id).pending = pending;
        }
        world.typing.clear();
        world.users.set(data.user.id, data.user);
        for (const guild of data.guilds ?? []) {
            if (guild.unavailable !== true) world.guilds.set(guild.id, madeGuild(world, guild));
        }
        return ["reset"];
    },
    GUILD_CREATE(world, data) {
        if (data.unavailable === true) return [];
        world.guilds.set(data.id, madeGuild(world, data));
        return ["guilds", "channels", "members"];
    },
    GUILD_UPDATE(world, data) {
        const guild = world.guild(data.id);
        if (guild === null) return [];
        const { name, icon, owner_id } = data;
        Object.assign(guild, { name, icon, owner_id });
        return ["guilds", "channels"];
    },
    GUILD_DELETE(world, data) {
        for (const channel of world.guild(data.id)?.channels.keys() ?? []) world.timelines.delete(channel);
        world.guilds.delete(data.id);
        return ["guilds", "channels", "members"];
    },
    CHANNEL_CREATE: putChannel,
    CHANNEL_UPDATE: putChannel,
    CHANNEL_DELETE(world, data) {
        putIn(world, data.guild_id, "channels", data.id, null);
        world.timelines.delete(data.id);
        return ["channels"];
    },
    GUILD_ROLE_CREATE: putRole,
    GUILD_ROLE_UPDATE: putRole,
    GUILD_ROLE_DELETE(world, data) {
        putIn(world, data.guild_id, "roles", data.role_id, null);
        return ["members", "messages"];
    },
    GUILD_MEMBER_ADD: putMember,
    GUILD_MEMBER_UPDATE: putMember,
    GUILD_MEMBER_REMOVE(world, data) {
        if (data.user) putIn(world, data.guild_id, "members", data.user.id, null);
        return ["members"];
    },
    MESSAGE_CREATE(world, data) {
        world.putMessage(data);
        world.typing.get(data.channel_id)?.delete(data.author?.id);
        if (data.author?.id !== world.me?.id) {
            const before = world.unread.get(data.channel_id) ?? { count: 0, mentions: 0 };
            const mentioned = data.mention_everyone || (data.mentions ?? []).some((user) => user.id === world.me?.id);
            world.unread.set(data.channel_id, {
                count: before.count + 1,
                mentions: before.mentions + (mentioned ? 1 : 0),
            });
        }
        return ["messages", "typing", "unread"];
    },
    MESSAGE_UPDATE(world, data) {
        // A change may carry a part of the message only.
        const merge = (message) => ({ ...message, ...data, reactions: data.reactions ?? message.reactions });
        return world.updateMessage(data.channel_id, data.id, merge) ? ["messages"] : [];
    },
    MESSAGE_DELETE(world, data) {
        world.deleteMessages(data.channel_id, [data.id]);
        return ["messages"];
    },
    MESSAGE_DELETE_BULK(world, data) {
        world.deleteMessages(data.channel_id, data.ids ?? []);
        return ["messages"];
    },
    MESSAGE_REACTION_ADD: (world, data) => react(world, data, 1),
    MESSAGE_REACTION_REMOVE: (world, data) => react(world, data, -1),
    MESSAGE_REACTION_REMOVE_ALL(world, data) {
        const clear = (message) => ({ ...message, reactions: [] });
        return world.updateMessage(data.channel_id, data.message_id, clear) ? ["messages"] : [];
    },
    MESSAGE_REACTION_REMOVE_EMOJI(world, data) {
        const clear = (message) => ({
            ...message,
            reactions: (message.reactions ?? []).filter((reaction) => !sameEmoji(reaction.emoji, data.emoji)),
        });
        return world.updateMessage(data.channel_id, data.message_id, clear) ? ["messages"] : [];
    },
    TYPING_START(world, data, now) {
        if (data.user_id === world.me?.id) return [];
        if (data.member?.user) world.users.set(data.user_id, data.member.user);
        const typists = world.typing.get(data.channel_id) ?? new Map();
        typists.set(data.user_id, now + typingSpan);
        world.typing.set(data.channel_id, typists);
        return ["typing"];
    },
    USER_UPDATE(world, data) {
        if (data.id === world.me?.id) world.me = data;
        world.users.set(data.id, data);
        return ["members", "messages"];
    },
};
