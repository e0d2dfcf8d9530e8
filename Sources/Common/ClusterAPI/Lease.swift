/// Keeps a lease, tells what is, and asks what should be.
package struct LeaseRenewal: Sendable, Codable, Equatable {
    package let incarnation: Int
    /// The version of the desired state that the member has applied; 0 for none.
    package let appliedVersion: Int
    /// How long the answer may be held while nothing changed; at most the renew interval.
    package var waitMilliseconds: Int
    package let slots: [ObservedSlot]
    /// Lanes that a worker has a consumer on.
    package let lanes: [Int]
    /// The member is about to stop: take everything from it, in order, with hand-over.
    package let draining: Bool
    /// Counts this incarnation's renewals: one that was on its way for longer than a later one is not heard. nil: not
    /// counted.
    package let number: Int?

    package init(
        incarnation: Int,
        appliedVersion: Int,
        waitMilliseconds: Int,
        slots: [ObservedSlot] = [],
        lanes: [Int] = [],
        draining: Bool = false,
        number: Int? = nil
    ) {
        self.incarnation = incarnation
        self.appliedVersion = appliedVersion
        self.waitMilliseconds = waitMilliseconds
        self.slots = slots
        self.lanes = lanes
        self.draining = draining
        self.number = number
    }
}

/// Says that a member is there for as long as the connection is that it came over.
package struct Attendance: Sendable, Codable, Equatable {
    package let incarnation: Int

    package init(incarnation: Int) { self.incarnation = incarnation }
}

/// What a member should run now: the whole, not a change. Applying it twice is harmless.
package struct DesiredState: Sendable, Codable, Equatable {
    /// Grows with each change of this member's desired state.
    package let version: Int
    package let slots: [SlotGrant]
    package let lanes: [LaneGrant]
    /// What generations publish while a shard count is changed; nil, or a generation that is not named: all of it.
    package let publishing: [GenerationPublishing]?
    /// True: the process should stop in good order; whoever supervises it starts it again.
    package let restart: Bool?

    package init(
        version: Int,
        slots: [SlotGrant],
        lanes: [LaneGrant],
        publishing: [GenerationPublishing]? = nil,
        restart: Bool? = nil
    ) {
        self.version = version
        self.slots = slots
        self.lanes = lanes
        self.publishing = publishing
        self.restart = restart
    }
}

/// Where a gateway session stands: enough to RESUME it.
package struct SessionState: Sendable, Codable, Equatable {
    package let sessionID: String
    package let resumeURL: String
    /// The watermark: every event up to this sequence number is settled.
    package let sequence: Int64
    /// True: the guild cache lacks changes of events that are settled. The next owner has to look after them.
    package let cacheIsBehind: Bool?

    package init(sessionID: String, resumeURL: String, sequence: Int64, cacheIsBehind: Bool? = nil) {
        self.sessionID = sessionID
        self.resumeURL = resumeURL
        self.sequence = sequence
        self.cacheIsBehind = cacheIsBehind
    }
}

/// The coordinator's word that a member runs a slot.
package struct SlotGrant: Sendable, Codable, Equatable {
    package let slot: Slot
    package let numShards: Int
    /// Only grows for each slot; travels with every message the slot publishes.
    package let epoch: Int64
    package let intents: UInt64
    /// From `GET /gateway/bot`, without query.
    package let gatewayURL: String
    /// nil: no session is known, IDENTIFY with a permit.
    package let session: SessionState?
    /// How many guilds the session's last owner counted: a RESUME does not name them again.
    package let guilds: Int
    /// True: an earlier owner may have begun a session that it could not tell of any more. A gap record has to come
    /// before anything else of this grant.
    package let followsUnknownSession: Bool?

    package init(
        slot: Slot,
        numShards: Int,
        epoch: Int64,
        intents: UInt64,
        gatewayURL: String,
        session: SessionState?,
        guilds: Int = 0,
        followsUnknownSession: Bool? = nil
    ) {
        self.slot = slot
        self.numShards = numShards
        self.epoch = epoch
        self.intents = intents
        self.gatewayURL = gatewayURL
        self.session = session
        self.guilds = guilds
        self.followsUnknownSession = followsUnknownSession
    }
}

/// The coordinator's word that a worker reads a lane.
package struct LaneGrant: Sendable, Codable, Equatable {
    package enum Role: String, Sendable, Codable {
        case primary, standby
    }

    package let lane: Int
    package let role: Role

    package init(lane: Int, role: Role) {
        self.lane = lane
        self.role = role
    }
}
