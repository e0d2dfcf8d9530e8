package import Discord
package import Foundation

/// The whole cluster as dashboards, `ctl` and the status line show it.
package struct ClusterView: Sendable, Codable, Equatable {
    package struct Application: Sendable, Codable, Equatable {
        package let id: Snowflake
        package let name: String
        package let generation: Int
        package let numShards: Int
        /// nil: a coordinator that does not tell.
        package let identify: Identify?
        /// A change of the shard count that is on its way.
        package let reshard: Reshard?
        /// Why another shard count would be better.
        package let advice: [String]?

        package init(
            id: Snowflake, name: String, generation: Int, numShards: Int, identify: Identify? = nil,
            reshard: Reshard? = nil, advice: [String]? = nil
        ) {
            self.id = id
            self.name = name
            self.generation = generation
            self.numShards = numShards
            self.identify = identify
            self.reshard = reshard
            self.advice = advice
        }
    }

    /// What IDENTIFYs of an application have to go by.
    package struct Identify: Sendable, Codable, Equatable {
        /// Discord's session start limit; nil while Discord was not asked.
        package let total: Int?
        package let remaining: Int?
        /// Of `remaining`, what is not kept in reserve.
        package let free: Int?
        package let maxConcurrency: Int?
        package let resetsAt: Date?
        /// With a date the storm brake is on: most IDENTIFYs failed.
        package let pausedUntil: Date?
        /// The refusal that stops every IDENTIFY.
        package let haltedBy: String?

        package init(
            total: Int?, remaining: Int?, free: Int?, maxConcurrency: Int?, resetsAt: Date?, pausedUntil: Date?,
            haltedBy: String?
        ) {
            self.total = total
            self.remaining = remaining
            self.free = free
            self.maxConcurrency = maxConcurrency
            self.resetsAt = resetsAt
            self.pausedUntil = pausedUntil
            self.haltedBy = haltedBy
        }
    }

    package struct Reshard: Sendable, Codable, Equatable {
        package let from: Int
        package let fromShards: Int
        package let to: Int
        package let toShards: Int
        /// `identifying`, `switching`, `closing`, `rollingBack` or `cleaning`.
        package let phase: String
        /// Sessions of the new generation that are up.
        package let ready: Int
        /// Lanes below it are published by the new generation.
        package let joinedLanes: Int
        /// Lanes below it are no longer published by the old one.
        package let leftLanes: Int
        package let startedAt: Date
        package let requestedBy: String
        /// Why it is rolled back.
        package let reason: String?

        package init(
            from: Int, fromShards: Int, to: Int, toShards: Int, phase: String, ready: Int, joinedLanes: Int,
            leftLanes: Int, startedAt: Date, requestedBy: String, reason: String?
        ) {
            self.from = from
            self.fromShards = fromShards
            self.to = to
            self.toShards = toShards
            self.phase = phase
            self.ready = ready
            self.joinedLanes = joinedLanes
            self.leftLanes = leftLanes
            self.startedAt = startedAt
            self.requestedBy = requestedBy
            self.reason = reason
        }
    }

    package struct Member: Sendable, Codable, Equatable {
        package let id: String
        package let kind: MemberKind
        package let incarnation: Int
        package let zone: String
        package let version: String
        /// `alive`, `draining` or `lost`.
        package let state: String
        package let capacity: Int
        package let slots: Int
        package let lanes: Int
        package let eventsPerSecond: Double
        package let startedAt: Date
        package let leaseExpiresAt: Date
        /// `cordoned` or `drained`, by an operator.
        package let mark: String?

        package init(
            id: String, kind: MemberKind, incarnation: Int, zone: String, version: String, state: String, capacity: Int,
            slots: Int, lanes: Int, eventsPerSecond: Double, startedAt: Date, leaseExpiresAt: Date, mark: String? = nil
        ) {
            self.id = id
            self.kind = kind
            self.incarnation = incarnation
            self.zone = zone
            self.version = version
            self.state = state
            self.capacity = capacity
            self.slots = slots
            self.lanes = lanes
            self.eventsPerSecond = eventsPerSecond
            self.startedAt = startedAt
            self.leaseExpiresAt = leaseExpiresAt
            self.mark = mark
        }
    }

    package struct SlotView: Sendable, Codable, Equatable {
        package let application: Snowflake
        package let generation: Int
        package let shard: Int
        package let numShards: Int
        package let epoch: Int64
        /// nil: nobody runs it now.
        package let member: String?
        package let status: SlotStatus
        package let watermark: Int64?
        package let guilds: Int
        package let eventsPerSecond: Double
        package let latencyMs: Double?
        package let reason: String?
        package let updatedAt: Date
        /// The member that it is to be run by while that one is there.
        package let pin: String?

        package init(
            slot: Slot, numShards: Int, epoch: Int64, member: String?, status: SlotStatus, watermark: Int64?,
            guilds: Int,
            eventsPerSecond: Double, latencyMs: Double?, reason: String?, updatedAt: Date, pin: String? = nil
        ) {
            self.application = slot.application
            self.generation = slot.generation
            self.shard = slot.shard
            self.numShards = numShards
            self.epoch = epoch
            self.member = member
            self.status = status
            self.watermark = watermark
            self.guilds = guilds
            self.eventsPerSecond = eventsPerSecond
            self.latencyMs = latencyMs
            self.reason = reason
            self.updatedAt = updatedAt
            self.pin = pin
        }
    }

    package struct Lane: Sendable, Codable, Equatable {
        package let lane: Int
        package let primary: String?
        package let standby: String?

        package init(lane: Int, primary: String?, standby: String?) {
            self.lane = lane
            self.primary = primary
            self.standby = standby
        }
    }

    package struct Gap: Sendable, Codable, Equatable {
        package let application: Snowflake
        package let generation: Int
        package let shard: Int
        package let numShards: Int
        package let session: String
        /// Events of the session after this sequence number may be missing.
        package let after: Int64
        package let reason: String
        package let at: Date
        /// Who ran the slot.
        package let member: String

        package init(slot: Slot, gap: SessionGap, member: String) {
            self.application = slot.application
            self.generation = slot.generation
            self.shard = slot.shard
            self.numShards = gap.numShards
            self.session = gap.session
            self.after = gap.after
            self.reason = gap.reason
            self.at = Date(timeIntervalSince1970: Double(gap.atMilliseconds) / 1000)
            self.member = member
        }
    }

    /// A rolling restart that is on its way.
    package struct Restart: Sendable, Codable, Equatable {
        package let requestedBy: String
        package let startedAt: Date
        /// The member that restarts now.
        package let current: String?
        /// Members that are still to come.
        package let waiting: [String]
        package let done: Int

        package init(requestedBy: String, startedAt: Date, current: String?, waiting: [String], done: Int) {
            self.requestedBy = requestedBy
            self.startedAt = startedAt
            self.current = current
            self.waiting = waiting
            self.done = done
        }
    }

    /// Of ``gaps``.
    package static let mostGaps = 100

    package let leader: String
    package let generatedAt: Date
    package let applications: [Application]
    package let members: [Member]
    package let slots: [SlotView]
    package let lanes: [Lane]
    /// The last 100, the latest last. nil: a coordinator that does not tell.
    package let gaps: [Gap]?
    package let restart: Restart?
    /// The coordinator that answered out of the database, as it does not lead: what members observe (status, guilds,
    /// rates, latency) and what Discord said is not in it. nil: the leader answered.
    package let standby: String?

    package init(
        leader: String,
        generatedAt: Date,
        applications: [Application],
        members: [Member],
        slots: [SlotView],
        lanes: [Lane],
        gaps: [Gap]? = nil,
        restart: Restart? = nil,
        standby: String? = nil
    ) {
        self.leader = leader
        self.generatedAt = generatedAt
        self.applications = applications
        self.members = members
        self.slots = slots
        self.lanes = lanes
        self.gaps = gaps
        self.restart = restart
        self.standby = standby
    }
}
