package import Discord
package import Foundation

/// The whole cluster as dashboards, `ctl` and the status line show it.
package struct ClusterView: Sendable, Codable, Equatable {
    package struct Application: Sendable, Codable, Equatable {
        package let id: Snowflake
        package let name: String
        package let generation: Int
        package let numShards: Int

        package init(id: Snowflake, name: String, generation: Int, numShards: Int) {
            self.id = id
            self.name = name
            self.generation = generation
            self.numShards = numShards
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

        package init(
            id: String, kind: MemberKind, incarnation: Int, zone: String, version: String, state: String, capacity: Int,
            slots: Int, lanes: Int, eventsPerSecond: Double, startedAt: Date, leaseExpiresAt: Date
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

        package init(
            slot: Slot, numShards: Int, epoch: Int64, member: String?, status: SlotStatus, watermark: Int64?,
            guilds: Int,
            eventsPerSecond: Double, latencyMs: Double?, reason: String?, updatedAt: Date
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

    package let leader: String
    package let generatedAt: Date
    package let applications: [Application]
    package let members: [Member]
    package let slots: [SlotView]
    package let lanes: [Lane]

    package init(
        leader: String,
        generatedAt: Date,
        applications: [Application],
        members: [Member],
        slots: [SlotView],
        lanes: [Lane]
    ) {
        self.leader = leader
        self.generatedAt = generatedAt
        self.applications = applications
        self.members = members
        self.slots = slots
        self.lanes = lanes
    }
}
