import ClusterAPI
import ControlAPI
import Foundation
import GuildCache
import NIOCore
import NIOFoundationCompat
import Redis

/// Keeps in Redis what a slot was told to show, so that its next owner can tell it in an IDENTIFY. Confined to the
/// slot's event loop. While Redis is away it tries again.
final class PresenceKeeper {
    private static let retryInterval: TimeAmount = .seconds(1)

    private let note: PresenceNote
    private let epoch: Int64
    private unowned let writer: CacheWriter
    private var wanted: PresenceUpdate?
    /// In Redis, as far as is known.
    private var noted: PresenceUpdate?
    private var isWriting = false

    /// - Parameter initial: what is shown without any command.
    init(_ grant: SlotGrant, initial: PresenceUpdate?, writer: CacheWriter) {
        self.note = PresenceNote(
            CacheKeys(application: grant.slot.application), generation: grant.slot.generation,
            shard: grant.slot.shard)
        self.epoch = grant.epoch
        self.writer = writer
        self.wanted = initial
        self.noted = initial
    }

    /// Calls `found` if an earlier owner of the slot was told to show something. Whether that can be shown is for the
    /// caller to judge; what it then gives to ``keep(_:)`` takes the note's place.
    func read(_ found: @escaping (PresenceUpdate) -> Void) {
        var pipeline = RedisPipeline()
        self.note.appendRead(to: &pipeline)
        self.writer.ask(pipeline) { [weak self] _, results in
            guard let self else { return }
            guard results.firstError == nil else { return self.later { $0.read(found) } }
            // What can't be read was not written by a shard, and counts for nothing.
            guard let bytes = results.first.flatMap(PresenceNote.presence),
                let presence = try? JSONDecoder().decode(PresenceUpdate.self, from: bytes)
            else { return }
            self.noted = presence
            found(presence)
        }
    }

    func keep(_ presence: PresenceUpdate?) {
        self.wanted = presence
        self.write()
    }

    private func write() {
        guard !self.isWriting, self.wanted != self.noted else { return }
        let wanted = self.wanted
        var pipeline = RedisPipeline()
        // A presence has nothing that JSON lacks.
        let bytes = wanted.flatMap { try? JSONEncoder().encode($0) }.map { ByteBuffer(data: $0) }
        self.note.appendWrite(bytes, epoch: self.epoch, to: &pipeline)
        self.isWriting = true
        self.writer.ask(pipeline) { [weak self] _, results in
            guard let self else { return }
            self.isWriting = false
            guard results.firstError == nil else { return self.later { $0.write() } }
            self.noted = wanted
            self.write()
        }
    }

    private func later(_ action: @escaping (PresenceKeeper) -> Void) {
        self.writer.eventLoop.assumeIsolated().scheduleTask(in: Self.retryInterval) { [weak self] in
            if let self { action(self) }
        }
    }
}
