import ClusterAPI
import Discord
import Foundation
import Testing

@Suite("Lease renewal, sliced")
struct LeaseRenewalSlicingTests {
    private static func slot(_ shard: Int, _ change: (Int) -> Double = { Double($0) / 8 }) -> ObservedSlot {
        ObservedSlot(
            slot: Slot(application: Snowflake(rawValue: .max - UInt64(shard)), generation: shard + 1, shard: shard),
            epoch: Int64(shard) << 40, status: SlotStatus.allCases[shard % SlotStatus.allCases.count],
            session: shard % 3 == 0
                ? nil
                : SessionState(
                    sessionID: "s-\(shard)", resumeURL: "wss://r/\(shard)", sequence: Int64(shard),
                    cacheIsBehind: shard % 2 == 0 ? true : nil),
            guilds: shard, eventsPerSecond: change(shard), bytesPerSecond: 1_234_567.890_1,
            latencyMilliseconds: shard % 2 == 0 ? 43.1800000001 : nil, reason: shard % 5 == 0 ? "because" : nil,
            closeCode: shard % 4 == 0 ? 4004 : nil, unsettledMilliseconds: shard % 2 == 1 ? 3 : nil,
            acknowledgedMilliseconds: shard % 6 == 1 ? 18_250 : nil)
    }

    private static func renewal(_ slots: [ObservedSlot], number: Int? = 7) -> LeaseRenewal {
        LeaseRenewal(
            incarnation: 3, appliedVersion: 1 << 33, waitMilliseconds: 1_000, slots: slots, lanes: [0, 31],
            draining: true, number: number)
    }

    private func sliced(_ bytes: some Sequence<UInt8>) -> LeaseRenewal? {
        Array(bytes).withUnsafeBytes { LeaseRenewal(slicing: $0) }
    }

    @Test func `It reads what JSONDecoder reads`() throws {
        for renewal in [
            Self.renewal((0..<40).map { Self.slot($0) }), Self.renewal([]), Self.renewal([], number: nil),
            Self.renewal((0..<9).map { Self.slot($0) { _ in 0.1 + 0.2 } }),
            Self.renewal((0..<9).map { Self.slot($0) { 1e-9 * Double($0) } }),
            Self.renewal((0..<9).map { Self.slot($0) { -Double($0) * 1e300 } }),
        ] {
            let json = try ClusterJSON.encoder().encode(renewal)
            #expect(self.sliced(json) == renewal)
            #expect(try ClusterJSON.decoder().decode(LeaseRenewal.self, from: json) == renewal)
        }
    }

    @Test(
        arguments: [
            #""incarnation":"3""#, #""incarnation":3.0"#, #""incarnation":-3"#, #""incarnation":null"#,
            #""incarnation":99999999999999999999"#, #""incarnation":3,"later":1"#, #""slots":{}"#, #""draining":1"#,
            #""lanes":[1,"2"]"#, #""slots":[{}]"#, #""slots":[1]"#,
        ])
    func `What is unusual it leaves to JSONDecoder`(part: String) {
        let name = part.split(separator: ":")[0]
        let rest = [
            #""incarnation":3"#, #""appliedVersion":1"#, #""waitMilliseconds":0"#, #""slots":[]"#, #""lanes":[]"#,
            #""draining":false"#,
        ].filter { !$0.hasPrefix(name) }
        #expect(self.sliced("{\((rest + [part]).joined(separator: ","))}".utf8) == nil)
        #expect(self.sliced("{\((rest).joined(separator: ","))}".utf8) == nil, "something is missing")
    }

    @Test func `Text beyond ASCII is left to JSONDecoder`() throws {
        let slot = ObservedSlot(
            slot: Slot(application: Snowflake(rawValue: 1), generation: 1, shard: 0), epoch: 1, status: .failed,
            reason: "é")
        #expect(self.sliced(try ClusterJSON.encoder().encode(Self.renewal([slot]))) == nil)
    }

    @Test func `Lost sessions are left to JSONDecoder`() throws {
        let gap = SessionGap(session: "s", after: 1, reason: "lost", numShards: 1, atMilliseconds: 5)
        let slot = ObservedSlot(
            slot: Slot(application: Snowflake(rawValue: 1), generation: 1, shard: 0), epoch: 1, status: .ready,
            gaps: [gap])
        #expect(self.sliced(try ClusterJSON.encoder().encode(Self.renewal([slot]))) == nil)
    }

    @Test func `Whatever the bytes, it says nothing else than JSONDecoder`() throws {
        var random = SystemRandomNumberGenerator()
        let json = Array(try ClusterJSON.encoder().encode(Self.renewal((0..<4).map { Self.slot($0) })))
        var read = 0
        for _ in 0..<2_000 {
            var bytes = json
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0x20...0x7E, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(bytes[Int.random(in: bytes.indices, using: &random)], at: at)
                }
            }
            guard let sliced = self.sliced(bytes) else { continue }
            read += 1
            let decoded = try? ClusterJSON.decoder().decode(LeaseRenewal.self, from: Data(bytes))
            #expect(sliced == decoded, "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(read > 0)
    }
}
