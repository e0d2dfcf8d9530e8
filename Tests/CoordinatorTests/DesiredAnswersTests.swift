import ClusterAPI
import Foundation
import NIOCore
import Testing

@testable import Coordinator

@Suite("What members are told, in JSON")
struct DesiredAnswersTests {
    private let answers = DesiredAnswers()

    private func told(_ version: Int, lane: Int, incarnation: Int = 1, member: String = "a") throws -> DesiredState {
        let desired = DesiredState(version: version, slots: [], lanes: [LaneGrant(lane: lane, role: .primary)])
        let body = try self.answers.body(for: member, incarnation: incarnation, desired)
        return try ClusterJSON.decoder().decode(DesiredState.self, from: Data(body.readableBytesView))
    }

    @Test func `A version is written once, for one life of one member`() throws {
        #expect(try self.told(1, lane: 3).lanes.map(\.lane) == [3])
        #expect(try self.told(1, lane: 4).lanes.map(\.lane) == [3], "the same version is the same answer")
        #expect(try self.told(2, lane: 4).lanes.map(\.lane) == [4])
        #expect(try self.told(2, lane: 5, incarnation: 2).lanes.map(\.lane) == [5], "another life")
        #expect(try self.told(2, lane: 6, member: "b").lanes.map(\.lane) == [6], "another member")
    }
}
