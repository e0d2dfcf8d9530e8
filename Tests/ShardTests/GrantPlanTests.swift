import ClusterAPI
import Discord
import Runtime
import Testing

@testable import Shard

@Suite("Grants")
struct GrantPlanTests {
    static func slot(_ shard: Int) -> Slot { Slot(application: 1, generation: 1, shard: shard) }

    static func grant(_ shard: Int, epoch: Int64 = 1) -> SlotGrant {
        SlotGrant(slot: slot(shard), numShards: 8, epoch: epoch, intents: 0, gatewayURL: "", session: nil)
    }

    static func told(_ shard: Int, epoch: Int64 = 1, _ status: SlotStatus = .ready) -> ObservedSlot {
        ObservedSlot(slot: slot(shard), epoch: epoch, status: status)
    }

    @Test func `What is granted and not running starts, and only that`() {
        #expect(
            GrantPlan.actions(desired: [Self.grant(0), Self.grant(1)], told: [Self.told(1)]) == [.start(Self.grant(0))])
    }

    @Test(arguments: SlotStatus.allCases)
    func `What is granted in the same epoch is left alone`(status: SlotStatus) {
        #expect(GrantPlan.actions(desired: [Self.grant(0)], told: [Self.told(0, status)]) == [])
    }

    @Test(arguments: SlotStatus.allCases)
    func `What is not granted is handed over, then forgotten`(status: SlotStatus) {
        let actions = GrantPlan.actions(desired: [], told: [Self.told(0, status)])
        switch status {
        case .released: #expect(actions == [.forget(Self.slot(0))])
        case .handingOver: #expect(actions == [])
        case .starting, .waitingForPermit, .connecting, .identifying, .resuming, .ready, .failed:
            #expect(actions == [.release(Self.slot(0))])
        }
    }

    @Test func `A later epoch replaces an earlier one once that is over`() {
        let later = Self.grant(0, epoch: 2)
        #expect(GrantPlan.actions(desired: [later], told: [Self.told(0)]) == [.release(Self.slot(0))])
        #expect(GrantPlan.actions(desired: [later], told: [Self.told(0, .released)]) == [.start(later)])
        #expect(GrantPlan.actions(desired: [later], told: [Self.told(0, .failed)]) == [.start(later)])
        #expect(GrantPlan.actions(desired: [Self.grant(0)], told: [Self.told(0, epoch: 2)]) == [])
    }

    @Test func `Settings name every problem at once`() {
        let reader = SettingsReader(
            SettingsSource(environment: [
                "FLOTILLA_MEMBER_ID": "a b", "FLOTILLA_AMQP_URL": "http://x", "FLOTILLA_LANES": "0",
                "FLOTILLA_GATEWAY_CA_FILE": "/none",
            ]))
        _ = ShardSettings(reader, processID: 1, version: "1")
        #expect(throws: ConfigurationError.self) { try reader.finish() }
        do throws(ConfigurationError) {
            try reader.finish()
        } catch {
            let variables = Set(error.problems.map(\.variable))
            #expect(
                variables.isSuperset(of: [
                    "FLOTILLA_COORDINATOR_URL", "FLOTILLA_MEMBER_TOKEN", "FLOTILLA_MEMBER_ID", "FLOTILLA_DISCORD_TOKEN",
                    "FLOTILLA_AMQP_URL", "FLOTILLA_LANES", "FLOTILLA_GATEWAY_CA_FILE",
                ]))
        }
    }
}
