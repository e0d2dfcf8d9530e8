import Discord
import Gateway
import NIOCore
import Synchronization

/// What the connections of a ``ReplayGateway`` share: the events, the sessions and the counters.
final class ReplaySource: Sendable {
    struct Session: Sendable {
        /// Counts sessions, from 1.
        let number: UInt64
        let id: String
    }

    private struct Record: Sendable {
        let number: UInt64
        /// The highest sequence number sent.
        var sent: Int64
    }

    private struct State: Sendable {
        var counters = ReplayGateway.Counters()
        var records: [String: Record] = [:]
        /// Oldest first.
        var order: [String] = []
        /// Of a ``ReplayGateway``.
        var url = ""
    }

    /// Sessions that can be resumed; the oldest half is forgotten past that.
    private static let sessionLimit = 65_536
    /// What a RESUME repeats at most. Discord's buffer is smaller, but so is its traffic: a client that stops reading
    /// finds several ten thousand events in the sockets between.
    static let replayLimit: Int64 = 262_144

    let options: ReplayGateway.Options
    let script: ReplayScript
    private let cycles: [GatewayCompression: ReplayCycle]
    private let state = Mutex(State())

    init(_ options: ReplayGateway.Options) throws(GatewayError) {
        self.options = options
        self.script = ReplayScript(eventBytes: options.eventBytes, guilds: options.guilds, seed: options.seed)
        var cycles: [GatewayCompression: ReplayCycle] = [:]
        for compression in GatewayCompression.allCases {
            cycles[compression] = try ReplayCycle(self.script, compression)
        }
        self.cycles = cycles
    }

    /// Takes a new connection and says Hello; `nil` drops it.
    ///
    /// - Parameter url: where its client is told to resume.
    func accept(
        _ connection: GatewayConnection, url: @escaping @Sendable () -> String
    ) -> (any GatewayConnectionDelegate)? {
        guard let cycle = self.cycles[connection.compression] else { return nil }
        self.count { counters in
            counters.connections += 1
            counters.openConnections += 1
        }
        let delegate = ReplayConnection(source: self, cycle: cycle, url: url)
        delegate.start(on: connection)
        return delegate
    }

    var counters: ReplayGateway.Counters { self.state.withLock { $0.counters } }

    func count(_ change: (inout ReplayGateway.Counters) -> Void) {
        self.state.withLock { change(&$0.counters) }
    }

    var url: String { self.state.withLock { $0.url } }
    func setURL(_ url: String) { self.state.withLock { $0.url = url } }

    func newSession() -> Session {
        self.state.withLock { state in
            state.counters.identifies += 1
            let number = UInt64(state.counters.identifies)
            let digits = String(SeededRandom.mix(self.options.seed &+ number), radix: 16)
            let session = Session(number: number, id: "replay-\(number)-\(digits)")
            state.records[session.id] = Record(number: number, sent: 1)
            state.order.append(session.id)
            if state.order.count > Self.sessionLimit {
                for id in state.order.prefix(Self.sessionLimit / 2) { state.records[id] = nil }
                state.order.removeFirst(Self.sessionLimit / 2)
            }
            return session
        }
    }

    enum Resumption: Sendable {
        case resumed(Session, sent: Int64)
        case invalidSession
        case sequenceAhead
    }

    func resume(_ id: String, after sequence: Int64) -> Resumption {
        self.state.withLock { state in
            guard let record = state.records[id], sequence >= 1, sequence >= record.sent - Self.replayLimit else {
                state.counters.refusedResumes += 1
                return .invalidSession
            }
            guard sequence <= record.sent else {
                state.counters.refusedResumes += 1
                return .sequenceAhead
            }
            state.counters.resumes += 1
            return .resumed(Session(number: record.number, id: id), sent: record.sent)
        }
    }

    /// Events are handed to a session's socket.
    func sent(_ count: Int, through sequence: Int64, session: String) {
        self.state.withLock { state in
            state.counters.eventsSent += count
            guard let record = state.records[session], record.sent < sequence else { return }
            state.records[session]?.sent = sequence
        }
    }

    func end(_ session: String) { self.state.withLock { $0.records[session] = nil } }
}
