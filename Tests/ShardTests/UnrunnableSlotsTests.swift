import ClusterAPI
import Discord
import Testing

@testable import Shard

@Suite("Slots that can't be run here")
struct UnrunnableSlotsTests {
    private let slot = Slot(application: 10, generation: 1, shard: 0)

    private func grant(epoch: Int64) -> SlotGrant {
        SlotGrant(
            slot: self.slot, numShards: 1, epoch: epoch, intents: 1, gatewayURL: "wss://gateway.test",
            session: SessionState(sessionID: "abc", resumeURL: "wss://resume.test", sequence: 7), guilds: 3)
    }

    @Test func `They are told as failed, keep their session, and go when they are taken back`() throws {
        var slots = UnrunnableSlots()
        slots.refuse(self.grant(epoch: 4), reason: "no token")
        var told = try #require(slots.observed.first)
        #expect(told.status == .failed && told.reason == "no token" && told.epoch == 4)
        #expect(told.session?.sequence == 7 && told.guilds == 3)
        // Granted and told, there is nothing to do; granted anew it is looked at again.
        #expect(GrantPlan.actions(desired: [self.grant(epoch: 4)], told: slots.observed) == [])
        #expect(
            GrantPlan.actions(desired: [self.grant(epoch: 5)], told: slots.observed) == [.start(self.grant(epoch: 5))])
        #expect(GrantPlan.actions(desired: [], told: slots.observed) == [.release(self.slot)])
        let wasListed = slots.release(self.slot)
        #expect(wasListed)
        told = try #require(slots.observed.first)
        #expect(told.status == .released && told.session?.sequence == 7)
        #expect(GrantPlan.actions(desired: [], told: slots.observed) == [.forget(self.slot)])
        slots.forget(self.slot)
        #expect(slots.observed.isEmpty && !slots.release(self.slot))
    }
}
