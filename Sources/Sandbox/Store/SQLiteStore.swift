import Discord
import Foundation
import GRDB
import Synchronization

/// The world's rows in one SQLite file (write-ahead log). Each row is a JSON document under its kind, scope and id.
///
/// Changes queue up in the world's order; `commit` writes all that wait in one transaction, so that many requests share
/// one.
final class SQLiteStore: Sendable {
    private let database: DatabaseQueue
    private let pending = Mutex<[StoreChange]>([])

    /// Opens the file, or makes it. It holds what lets people log in: only its owner may read it.
    init(path: String) throws(SandboxError) {
        do {
            try Self.claim(path)
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                try database.execute(sql: "PRAGMA synchronous = NORMAL")
            }
            self.database = try DatabaseQueue(path: path, configuration: configuration)
            var migrator = DatabaseMigrator()
            migrator.registerMigration("documents") { database in
                try database.execute(
                    sql: """
                        CREATE TABLE document (
                            kind INTEGER NOT NULL, scope TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
                            PRIMARY KEY (kind, scope, id)
                        ) WITHOUT ROWID
                        """)
            }
            try migrator.migrate(self.database)
        } catch {
            throw SandboxError(.storeUnusable, "can't use the data file \(path)", underlying: error)
        }
    }

    /// Makes the file for its owner alone before anything is in it, and shuts others out of one that is there. SQLite
    /// gives its log files the same rights.
    private static func claim(_ path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: path]) }
        defer { Foundation.close(descriptor) }
        for name in [path, path + "-wal", path + "-shm"] where chmod(name, 0o600) != 0 && errno != ENOENT {
            throw CocoaError(.fileWriteNoPermission, userInfo: [NSFilePathErrorKey: name])
        }
    }

    /// Puts every stored row into the world, in an order in which each finds what it refers to.
    func load(into world: inout World) throws(SandboxError) {
        do {
            let documents = try self.database.read { database in
                try Row.fetchAll(database, sql: "SELECT kind, body FROM document ORDER BY kind, scope, length(id), id")
                    .map {
                        row -> (Int, Data) in (row["kind"], row["body"])
                    }
            }
            let decoder = JSONDecoder()
            for (kind, body) in documents {
                guard let kind = Kind(rawValue: kind) else { continue }
                world.restore(try kind.decode(body, decoder))
            }
        } catch {
            throw SandboxError(.storeUnusable, "can't read the data file", underlying: error)
        }
    }

    /// Never waits: writing is `commit`'s.
    func enqueue(_ changes: [StoreChange]) { self.pending.withLock { $0 += changes } }

    /// Returns once all that was enqueued before is written.
    func commit() async throws {
        // Writes are one after another: whoever comes while one runs finds its rows taken along, or writes them itself.
        try await self.database.write { [self] database in
            let changes = self.pending.withLock { pending in
                defer { pending = [] }
                return pending
            }
            do {
                let encoder = JSONEncoder()
                for change in changes { try Self.apply(change, database, encoder) }
            } catch {
                // Whoever asks next writes them; a caller whose rows they are must not believe them written.
                self.pending.withLock { $0 = changes + $0 }
                throw error
            }
        }
    }

    func close() throws { try self.database.close() }

    private static func apply(_ change: StoreChange, _ database: Database, _ encoder: JSONEncoder) throws {
        let row = try Document(change, encoder)
        if let body = row.body {
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO document (kind, scope, id, body) VALUES (?, ?, ?, ?)")
            try statement.execute(arguments: [row.kind.rawValue, row.scope, row.id, body])
        } else {
            let statement = try database.cachedStatement(
                sql: "DELETE FROM document WHERE kind = ? AND scope = ? AND id = ?")
            try statement.execute(arguments: [row.kind.rawValue, row.scope, row.id])
            if row.kind == .channel {
                try database.execute(
                    sql: "DELETE FROM document WHERE kind = ? AND scope = ?",
                    arguments: [Kind.message.rawValue, row.id])
            }
        }
    }
}

extension SQLiteStore {
    /// In the order of loading. The numbers are in files: never change them.
    enum Kind: Int {
        case user = 1, account, credential, application, guild, role, member, channel, webhook, command, message

        func decode(_ body: Data, _ decoder: JSONDecoder) throws -> StoreChange {
            switch self {
            case .user: .user(try decoder.decode(User.self, from: body))
            case .account: .account(try decoder.decode(Account.self, from: body))
            case .credential: .credential(try decoder.decode(Credential.self, from: body))
            case .application: .application(try decoder.decode(SandboxApplication.self, from: body))
            case .guild: .guild(try decoder.decode(GuildRecord.self, from: body))
            case .role: .role(try decoder.decode(Role.self, from: body))
            case .member: .member(try decoder.decode(Member.self, from: body))
            case .channel: .channel(try decoder.decode(Channel.self, from: body))
            case .webhook: .webhook(try decoder.decode(Webhook.self, from: body))
            case .command: .command(try decoder.decode(ApplicationCommand.self, from: body))
            case .message: .message(try decoder.decode(Message.self, from: body))
            }
        }
    }

    /// One change as a row; without a body the row goes.
    private struct Document {
        let kind: Kind
        let scope: String
        let id: String
        let body: Data?

        init(_ kind: Kind, _ id: Snowflake, scope: Snowflake? = nil, _ body: Data?) {
            self.init(kind, id.description, scope: scope?.description ?? "", body)
        }

        init(_ kind: Kind, _ id: String, scope: String = "", _ body: Data?) {
            self.kind = kind
            self.id = id
            self.scope = scope
            self.body = body
        }

        init(_ change: StoreChange, _ encoder: JSONEncoder) throws {
            switch change {
            case .user(let user): self.init(.user, user.id, try encoder.encode(user))
            case .account(let account): self.init(.account, account.login, try encoder.encode(account))
            case .credential(let credential): self.init(.credential, credential.digest, try encoder.encode(credential))
            case .removeCredential(let digest): self.init(.credential, digest, nil)
            case .application(let application): self.init(.application, application.id, try encoder.encode(application))
            case .guild(let guild): self.init(.guild, guild.id, try encoder.encode(guild))
            case .role(let role): self.init(.role, role.id, scope: role.guildID, try encoder.encode(role))
            case .member(let member):
                self.init(.member, member.userID, scope: member.guildID, try encoder.encode(member))
            case .removeMember(let guild, let user): self.init(.member, user, scope: guild, nil)
            case .channel(let channel): self.init(.channel, channel.id, try encoder.encode(channel))
            case .removeChannel(let id): self.init(.channel, id, nil)
            case .message(let message):
                self.init(.message, message.id, scope: message.channelID, try encoder.encode(message))
            case .removeMessage(let channel, let id): self.init(.message, id, scope: channel, nil)
            case .webhook(let webhook): self.init(.webhook, webhook.id, try encoder.encode(webhook))
            case .removeWebhook(let id): self.init(.webhook, id, nil)
            case .command(let command): self.init(.command, command.id, try encoder.encode(command))
            case .removeCommand(let id): self.init(.command, id, nil)
            }
        }
    }
}
