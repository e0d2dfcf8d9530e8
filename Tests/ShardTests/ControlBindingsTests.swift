import ClusterAPI
import Discord
import Testing

@testable import Shard

@Suite("Bindings of a member's queue")
struct ControlBindingsTests {
    private let first = Slot(application: 10, generation: 1, shard: 0)
    private let second = Slot(application: 10, generation: 1, shard: 1)

    @Test func `What runs is bound, what ends is unbound first`() {
        var bindings = ControlBindings()
        bindings.use(queue: "q")
        bindings.started(self.first)
        #expect(bindings.changes == [.bind(self.first)])
        bindings.done(.bind(self.first))
        #expect(bindings.changes == [])
        bindings.started(self.second)
        bindings.ended(self.first)
        #expect(bindings.changes == [.unbind(self.first), .bind(self.second)])
        bindings.done(.unbind(self.first))
        bindings.done(.bind(self.second))
        #expect(bindings.changes == [])
    }

    @Test func `A new channel binds anew, and clears what is left of before`() {
        var bindings = ControlBindings()
        bindings.use(queue: "q")
        for slot in [self.first, self.second] {
            bindings.started(slot)
            bindings.done(.bind(slot))
        }
        bindings.ended(self.first)
        bindings.channelOpened()
        #expect(bindings.changes == [.unbind(self.first), .bind(self.second)])
    }

    @Test func `Another life begins with nothing`() {
        var bindings = ControlBindings()
        bindings.use(queue: "q")
        bindings.started(self.first)
        bindings.use(queue: "q")
        #expect(bindings.changes == [.bind(self.first)])
        bindings.use(queue: nil)
        #expect(bindings.changes == [] && bindings.queue == nil)
    }
}
