import Discord

extension World {
    /// `nil` when the token is unknown. Bots' tokens are kept like people's.
    func user(token: String) -> User? {
        self.credentials[SHA256.hexadecimal(token)].flatMap { self.users[$0] }
    }

    /// A login is 2 to 32 of `a-z 0-9 _ .`; upper case is lowered first.
    static func normalizedLogin(_ text: String) throws(APIError) -> String {
        let login = text.lowercased()
        guard (2...32).contains(login.utf8.count),
            login.utf8.allSatisfy({
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
            })
        else {
            throw .form(
                "login", code: "USERNAME_INVALID", "Must be 2 to 32 characters of: a-z, 0-9, underscore and full stop.")
        }
        return login
    }

    func requireFree(login: String) throws(APIError) {
        guard self.accounts[login] == nil else {
            throw .form("login", code: "USERNAME_ALREADY_TAKEN", "Login is unavailable. Try another one.")
        }
    }

    /// Makes a person's account, which joins the open guilds.
    mutating func register(login: String, displayName: String? = nil, password: PasswordHash) throws(APIError) -> User {
        try self.requireFree(login: login)
        let user = User(
            id: self.nextID(), username: login,
            globalName: displayName ?? login.prefix(1).uppercased() + login.dropFirst())
        self.users[user.id] = user
        let account = Account(userID: user.id, login: login, password: password)
        self.accounts[login] = account
        self.record(.user(user))
        self.record(.account(account))
        for guild in self.openGuilds where self.guilds[guild] != nil { self.join(guild: guild, user: user.id) }
        return user
    }

    /// Lets whoever holds the token act as the user.
    mutating func addCredential(token: String, user: Snowflake) {
        let credential = Credential(digest: SHA256.hexadecimal(token), userID: user)
        guard self.credentials[credential.digest] != user else { return }
        self.credentials[credential.digest] = user
        self.record(.credential(credential))
    }

    mutating func removeCredential(token: String) {
        let digest = SHA256.hexadecimal(token)
        self.credentials[digest] = nil
        self.record(.removeCredential(digest: digest))
    }

    /// Makes this token the only one of the user.
    mutating func replaceCredentials(of user: Snowflake, with token: String) {
        self.removeCredentials(of: user, except: SHA256.hexadecimal(token))
        self.addCredential(token: token, user: user)
    }

    /// Takes all tokens of the user away.
    mutating func removeCredentials(of user: Snowflake, except kept: String? = nil) {
        for (digest, owner) in self.credentials where owner == user && digest != kept {
            self.credentials[digest] = nil
            self.record(.removeCredential(digest: digest))
        }
    }

    /// Makes an application and its bot user, who share the id.
    mutating func addApplication(_ application: SandboxApplication) {
        let bot = User(id: application.id, username: application.name, isBot: true)
        self.users[bot.id] = bot
        self.applications[application.id] = application
        self.record(.user(bot))
        self.record(.application(application))
    }

    /// The direct channel of two users, made when there is none.
    mutating func openDirectChannel(from user: Snowflake, to recipient: Snowflake) throws(APIError) -> Channel {
        guard self.users[recipient] != nil, recipient != user else { throw .invalidRecipients }
        let pair: Set<Snowflake> = [user, recipient]
        if let known = self.channels.direct.first(where: { Set($0.recipientIDs) == pair }) {
            return known
        }
        guard !Set(self.guilds.ids(of: user)).isDisjoint(with: self.guilds.ids(of: recipient)) else {
            throw APIError(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
        }
        var channel = Channel(id: self.nextID(), kind: .direct)
        channel.recipientIDs = [user, recipient]
        self.channels[channel.id] = channel
        self.record(.channel(channel))
        for hearer in channel.recipientIDs {
            self.emit(.channelCreate, to: .users([hearer]), guild: nil, self.channelJSON(channel, for: hearer))
        }
        return channel
    }
}
