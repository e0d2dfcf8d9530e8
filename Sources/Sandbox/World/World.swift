import DequeModule
import Discord

/// Everything that the sandbox knows of its users, guilds and messages, and the rules that change it.
///
/// A pure value: requests go in as method calls, events come out in `dispatches` and rows to store in `changes`, both
/// taken by the caller. It knows no socket, task or clock. Methods check everything before they change anything.
struct World: Sendable {
    struct Settings: Sendable {
        /// Messages kept for each channel.
        var messagesPerChannel = 10_000
        /// The origin under which this server is reached, for URLs in answers.
        var baseURL = "http://127.0.0.1"
        /// Whether rows are wanted in `changes`.
        var recordsChanges = true
    }

    var settings: Settings
    /// The moment of the present call; set by the caller before each one.
    var now = Timestamp(milliseconds: 0)
    var ids = SnowflakeGenerator()

    var users = UserTable()
    /// By login.
    var accounts: [String: Account] = [:]
    /// By token digest.
    var credentials: [String: Snowflake] = [:]
    var applications: [Snowflake: SandboxApplication] = [:]
    var guilds = GuildTable()
    var channels = ChannelTable()
    var messages: [Snowflake: MessageLog] = [:]
    var webhooks: [Snowflake: Webhook] = [:]
    var commands: [Snowflake: ApplicationCommand] = [:]
    var interactions: [Snowflake: Interaction] = [:]
    /// Interaction token → interaction.
    var interactionTokens: [String: Snowflake] = [:]
    /// Ephemeral message → the interaction that it belongs to.
    var ephemeralReplies: [Snowflake: Snowflake] = [:]
    /// Those that wait for an answer, and those whose token lives, oldest first.
    var openInteractions: Deque<Snowflake> = []
    var liveInteractions: Deque<Snowflake> = []
    /// New accounts join these.
    var openGuilds: [Snowflake] = []

    /// Guilds in an outage; see ``setUnavailable(_:_:)``.
    private(set) var outages: Set<Snowflake> = []

    private(set) var dispatches: [Dispatch] = []
    private(set) var changes: [StoreChange] = []

    init(settings: Settings = Settings()) { self.settings = settings }

    /// What the generated part of the world was made from.
    var blueprint: Blueprint? {
        get { self.guilds.blueprint }
        set {
            self.guilds.blueprint = newValue
            self.channels.blueprint = newValue
            self.users.blueprint = newValue
        }
    }

    mutating func emit(_ dispatch: Dispatch) { self.dispatches.append(dispatch) }

    mutating func emit(_ name: EventName, to audience: Dispatch.Audience, guild: Snowflake?, _ data: JSONValue) {
        self.dispatches.append(Dispatch(name, to: audience, guild: guild, data: data))
    }

    mutating func record(_ change: StoreChange) {
        if self.settings.recordsChanges { self.changes.append(change) }
    }

    mutating func takeDispatches() -> [Dispatch] {
        defer { self.dispatches = [] }
        return self.dispatches
    }

    mutating func takeChanges() -> [StoreChange] {
        defer { self.changes = [] }
        return self.changes
    }

    /// Begins or ends a guild's outage; nobody is told.
    mutating func setUnavailable(_ isUnavailable: Bool, _ guild: Snowflake) {
        guard self.guilds[guild] != nil else { return }
        self.guilds[guild]?.isUnavailable = isUnavailable
        if isUnavailable { self.outages.insert(guild) } else { self.outages.remove(guild) }
    }

    mutating func nextID() -> Snowflake { self.ids.next(now: self.now) }
}

extension World {
    /// Puts a stored row back. Nothing is emitted or recorded.
    mutating func restore(_ row: StoreChange) {
        switch row {
        case .user(let user):
            self.users[user.id] = user
            self.ids.advance(past: user.id)
        case .account(let account): self.accounts[account.login] = account
        case .credential(let credential): self.credentials[credential.digest] = credential.userID
        case .application(let application): self.applications[application.id] = application
        case .guild(let record):
            var guild = Guild(id: record.id, name: record.name, ownerID: record.ownerID)
            guild.icon = record.icon
            guild.topic = record.topic
            self.guilds[record.id] = guild
            self.ids.advance(past: record.id)
        case .role(let role):
            self.guilds[role.guildID]?.roles[role.id] = role
            self.ids.advance(past: role.id)
        case .member(let member):
            self.guilds[member.guildID]?.members[member.userID] = member
            if self.users[member.userID]?.isBot == true { self.guilds[member.guildID]?.bots.insert(member.userID) }
        case .channel(let channel):
            self.channels[channel.id] = channel
            if let guildID = channel.guildID { self.guilds[guildID]?.channelIDs.append(channel.id) }
            self.ids.advance(past: channel.id)
        case .message(let message):
            _ = self.messages[message.channelID, default: MessageLog()].append(
                message, limit: self.settings.messagesPerChannel)
            self.ids.advance(past: message.id)
        case .webhook(let webhook):
            self.webhooks[webhook.id] = webhook
            self.ids.advance(past: webhook.id)
        case .command(let command):
            self.commands[command.id] = command
            self.ids.advance(past: max(command.id, command.version))
        case .removeCredential, .removeMember, .removeChannel, .removeMessage, .removeWebhook, .removeCommand:
            break  // stores hold no removals
        }
    }
}
