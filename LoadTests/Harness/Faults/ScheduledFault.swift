package import TestSupport

/// One thing that is done to a running fleet.
package enum ScheduledFault: Sendable, Equatable {
    /// `kill -9`; the process is started again after so long.
    case killShard(Int, downMilliseconds: Int)
    /// `SIGSTOP`, and after so long `SIGCONT`.
    case freezeShard(Int, milliseconds: Int)
    case killCoordinator(downMilliseconds: Int)
    /// `kill -9`; its supervisor starts it again.
    case killBroker
    case brokerMemoryAlarm(milliseconds: Int)
    case flushRedis
    case killRedis
    /// The sandbox itself misbehaves towards its clients.
    case gateway(GatewayFault)
    /// Between shards and sandbox.
    case network(FaultProxy.Fault, victims: Victims)

    /// Which connections of those there are, by their age.
    package enum Victims: Sendable, Equatable {
        case one(Int)
        case percent(Int)
    }

    /// What it is for a count of kinds: faults of one kind differ in their numbers alone.
    package var kind: String {
        switch self {
        case .killShard: "kill -9 of a shard process"
        case .freezeShard(_, let milliseconds):
            milliseconds < Schedule.lease ? "SIGSTOP within the lease" : "SIGSTOP beyond the lease"
        case .killCoordinator: "kill -9 of the coordinator"
        case .killBroker: "kill -9 of the broker"
        case .brokerMemoryAlarm: "broker memory alarm"
        case .flushRedis: "FLUSHALL"
        case .killRedis: "kill -9 of Redis"
        case .gateway(let fault): fault.kind
        case .network(let fault, _): fault.kind
        }
    }
}

/// What the sandbox is asked to do, as docs/protocol.md has it.
package enum GatewayFault: Sendable, Equatable {
    case op7(percent: Int)
    case op9(shard: Int, resumable: Bool)
    /// nil: a close frame without a code.
    case close(shard: Int, code: Int?)
    /// A close after which a client stops until somebody tells it to go on.
    case closeForGood(shard: Int, code: Int, endsSession: Bool)
    case drop(shard: Int)
    case stall(shard: Int, milliseconds: Int)
    /// Dispatches stop, acknowledgements go on.
    case deaf(shard: Int, milliseconds: Int)
    case duplicate(shard: Int, count: Int)
    case corruptStream(shard: Int)
    case outage(percent: Int, milliseconds: Int)
    case evict(shard: Int)

    var kind: String {
        switch self {
        case .op7: "op 7"
        case .op9(_, let resumable): "op 9 \(resumable)"
        case .close(_, let code): "close \(code.map(String.init) ?? "without a code")"
        case .closeForGood(_, let code, _): "close \(code)"
        case .drop: "gateway drop"
        case .stall: "gateway stall"
        case .deaf: "gateway deaf"
        case .duplicate: "repeated dispatches"
        case .corruptStream: "corrupt stream"
        case .outage: "guild outage"
        case .evict: "session forgotten"
        }
    }

    /// The one that it is for; nil: it is for a share of all.
    var shard: Int? {
        switch self {
        case .op9(let shard, _), .close(let shard, _), .closeForGood(let shard, _, _), .drop(let shard),
            .stall(let shard, _), .deaf(let shard, _), .duplicate(let shard, _), .corruptStream(let shard),
            .evict(let shard):
            shard
        case .op7, .outage: nil
        }
    }

    /// The body of `POST /sandbox/v1/faults`.
    ///
    /// - Parameter shards: the shard count.
    package func body(shards: Int) -> String {
        func target(_ shard: Int) -> String { "\"target\":{\"shard\":[\(shard),\(shards)]}" }
        return switch self {
        case .op7(let percent): "{\"kind\":\"op7\",\"target\":{\"percent\":\(percent)}}"
        case .op9(let shard, let resumable): "{\"kind\":\"op9\",\"resumable\":\(resumable),\(target(shard))}"
        case .close(let shard, let code):
            "{\"kind\":\"close\",\"code\":\(code.map(String.init) ?? "null"),\(target(shard))}"
        case .closeForGood(let shard, let code, let endsSession):
            "{\"kind\":\"close\",\"code\":\(code),\"ends_session\":\(endsSession),\(target(shard))}"
        case .drop(let shard): "{\"kind\":\"drop\",\(target(shard))}"
        case .stall(let shard, let milliseconds):
            "{\"kind\":\"stall\",\"for_ms\":\(milliseconds),\(target(shard))}"
        case .deaf(let shard, let milliseconds): "{\"kind\":\"deaf\",\"for_ms\":\(milliseconds),\(target(shard))}"
        case .duplicate(let shard, let count): "{\"kind\":\"duplicate\",\"count\":\(count),\(target(shard))}"
        case .corruptStream(let shard): "{\"kind\":\"corrupt\",\"what\":\"stream\",\(target(shard))}"
        case .outage(let percent, let milliseconds):
            "{\"kind\":\"outage\",\"percent\":\(percent),\"for_ms\":\(milliseconds)}"
        case .evict(let shard): "{\"kind\":\"evict\",\(target(shard))}"
        }
    }
}

extension FaultProxy.Fault {
    fileprivate var kind: String {
        switch self {
        case .reset: "TCP reset"
        case .finish: "TCP cut"
        case .stall: "TCP stall"
        case .silence: "TCP silence"
        case .corrupt: "TCP corruption"
        case .slow: "TCP slow"
        case .halfOpen: "TCP half-open"
        }
    }
}

extension ScheduledFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .killShard(let shard, let down): "kill -9 shard process \(shard), started again after \(down) ms"
        case .freezeShard(let shard, let milliseconds): "SIGSTOP shard process \(shard) for \(milliseconds) ms"
        case .killCoordinator(let down): "kill -9 coordinator, started again after \(down) ms"
        case .killBroker: "kill -9 RabbitMQ"
        case .brokerMemoryAlarm(let milliseconds): "RabbitMQ memory alarm for \(milliseconds) ms"
        case .flushRedis: "Redis FLUSHALL"
        case .killRedis: "kill -9 Redis"
        case .gateway(let fault): "gateway \(fault)"
        case .network(let fault, let victims): "network \(fault), \(victims)"
        }
    }
}
