import Discord
import Runtime

/// Faults without end, drawn from a seed: the same seed gives the same faults at the same times. A pure value.
///
/// Written as `seed=1,every=2s,kinds=op7+op9+close+stall+drop`; further parts are `start` (from the sandbox's start to
/// the first one, `every` by default), `for` (how long it goes on) and `all` (how many of a hundred faults meet every
/// session; 10 by default, the others meet one). `close:4009` in `kinds` means that code only.
package struct FaultSchedule: Sendable, Equatable {
    struct Choice: Sendable, Equatable {
        let kind: Fault.Kind
        /// For `close`.
        var code: UInt16?
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// What a random `close` says: codes after which a client goes on. 0 stands for none.
    static let usualCodes: [UInt16] = [
        0, 1000, 1001, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4099,
    ]
    static let usualKinds: [Fault.Kind] = [.op7, .op9, .close, .drop, .stall, .deaf]

    let seed: UInt64
    let every: Duration
    let start: Duration
    let length: Duration?
    let kinds: [Choice]
    /// Of a hundred, how many faults meet all sessions.
    let shareOfAll: Int
    private var random: SeededRandom
    private var elapsed: Duration?

    package init(_ text: String) throws {
        var parts: [String: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.filter { $0 != " " }
            }
            guard pair.count == 2, parts.updateValue(pair[1], forKey: pair[0]) == nil else {
                throw Problem(description: "\(part) is no key=value of its own")
            }
        }
        func take<Value>(
            _ key: String, _ fallback: Value?, _ expected: String, _ parse: (String) -> Value?
        ) throws -> Value {
            guard let text = parts.removeValue(forKey: key) else {
                if let fallback { return fallback }
                throw Problem(description: "\(key) is missing: \(expected)")
            }
            guard let value = parse(text) else { throw Problem(description: "\(key)=\(text) is not \(expected)") }
            return value
        }
        func time(_ text: String) -> Duration? {
            parseDuration(text).flatMap { $0 > .zero && $0 <= .milliseconds(FaultForm.longest) ? $0 : nil }
        }
        self.seed = try take("seed", nil, "a whole number", { UInt64($0) })
        self.every = try take("every", .seconds(2), "a time such as 500ms, 2s or 1m", time)
        self.start = try take("start", self.every, "a time such as 500ms, 2s or 1m", time)
        self.length = try take("for", .some(nil), "a time such as 30s or 5m", { time($0).map { .some($0) } })
        self.shareOfAll = try take(
            "all", 10, "a share from 0 to 100", { Int($0).flatMap { (0...100).contains($0) ? $0 : nil } })
        let names = Self.drawable.map(\.rawValue).joined(separator: ", ")
        self.kinds = try take("kinds", Self.usualKinds.map { Choice(kind: $0) }, "kinds joined by +, of \(names)") {
            text in
            let choices = text.split(separator: "+").compactMap { Self.choice($0) }
            return choices.isEmpty || choices.count != text.split(separator: "+").count ? nil : choices
        }
        if let other = parts.keys.sorted().first {
            throw Problem(description: "\(other) is not one of seed, every, start, for, all, kinds")
        }
        self.random = SeededRandom(seed: self.seed)
    }

    /// The next fault, `at` counted from the schedule's beginning; `nil` when its time is over.
    mutating func next() -> FaultForm.Planned? {
        // Gaps of half to one and a half times the mean.
        let gap = self.every * (0.5 + self.random.unit())
        let at = self.elapsed.map { $0 + gap } ?? self.start
        self.elapsed = at
        let choice = self.kinds[self.random.below(self.kinds.count)]
        let meetsAll = self.random.below(100) < self.shareOfAll
        let pick = self.random.next() >> 1
        let fault = Fault(
            action: self.action(choice), target: meetsAll ? .all : FaultTarget(pick: pick))
        if let length, at > self.start + length { return nil }
        return FaultForm.Planned(at: at, fault: fault, salt: pick)
    }

    /// Those that a schedule can draw: a token reset is no fault that a fleet gets over by itself.
    private static let drawable = Fault.Kind.allCases.filter { $0 != .tokenReset && $0 != .outageOver }

    private static func choice(_ text: Substring) -> Choice? {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let kind = parts.first.flatMap({ Fault.Kind(rawValue: String($0)) }), Self.drawable.contains(kind) else {
            return nil
        }
        guard parts.count == 2 else { return Choice(kind: kind) }
        guard kind == .close, let code = UInt16(parts[1]), code == 0 || (1000...4999).contains(code) else { return nil }
        return Choice(kind: kind, code: code)
    }

    private mutating func action(_ choice: Choice) -> Fault.Action {
        // Each kind draws as often as any other, so that a change of `kinds` leaves the times as they are.
        let length = Duration.milliseconds(250 + Int64(self.random.below(4_000)))
        let lot = self.random.below(1 << 20)
        switch choice.kind {
        case .op7, .tokenReset, .outageOver: return .reconnect(grace: Fault.Action.reconnectGrace)
        case .op9: return .invalidSession(isResumable: lot % 2 == 0, endsSession: lot % 2 != 0)
        case .close:
            let drawn = choice.code ?? Self.usualCodes[lot % Self.usualCodes.count]
            let code = drawn == 0 ? nil : drawn
            return .close(code, endsSession: Fault.endsSession(code))
        case .drop: return .drop
        case .stall: return .stall(lot % 2 == 0 ? .everything : .acknowledgements, for: length)
        case .deaf: return .stall(.dispatches, for: length)
        case .slowReads: return .slowReads(for: length)
        case .refuseUpgrade: return .refuseUpgrade(status: 503, at: Set(Door.Entrance.allCases), for: length)
        case .noHello: return .greet(.nothing, for: length)
        case .op7Hello: return .greet(.reconnect, for: length)
        case .duplicate: return .duplicate(1 + lot % 10)
        case .outage: return .outage(percent: 1 + lot % 50, guilds: [], for: length)
        case .evict: return .evict
        case .shrinkBuffer: return .shrinkBuffer(1 + lot % 100)
        case .corrupt: return .corrupt(Fault.Corruption.allCases[lot % Fault.Corruption.allCases.count])
        case .oversized: return .oversized(80 << 20)
        case .heartbeats: return .heartbeats(1 + lot % 50)
        }
    }

    package static func == (left: FaultSchedule, right: FaultSchedule) -> Bool {
        left.seed == right.seed && left.every == right.every && left.start == right.start
            && left.length == right.length && left.kinds == right.kinds && left.shareOfAll == right.shareOfAll
    }
}
