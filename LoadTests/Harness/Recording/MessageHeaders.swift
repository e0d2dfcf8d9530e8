import AMQP

/// The headers of a message that carries events.
package struct MessageHeaders: Sendable, Equatable {
    package var session: String
    package var epoch: Int64
    package var application: String
    package var generation: Int64
    package var shard: Int64
    package var numShards: Int64
    package var firstSequence: Int64
    package var lastSequence: Int64
    package var count: Int64

    package init(
        session: String, epoch: Int64, application: String, generation: Int64, shard: Int64, numShards: Int64,
        firstSequence: Int64, lastSequence: Int64, count: Int64
    ) {
        self.session = session
        self.epoch = epoch
        self.application = application
        self.generation = generation
        self.shard = shard
        self.numShards = numShards
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.count = count
    }

    var slot: LedgerHistory.Slot {
        LedgerHistory.Slot(
            application: self.application, shard: Int(self.shard), numShards: Int(self.numShards))
    }

    init(_ table: AMQPTable) throws(HarnessError) {
        func integer(_ name: String) throws(HarnessError) -> Int64 {
            guard let value = table[name]?.integerValue else {
                throw HarnessError("a message without the header \(name)")
            }
            return value
        }
        func string(_ name: String) throws(HarnessError) -> String {
            guard let value = table[name]?.stringValue else {
                throw HarnessError("a message without the header \(name)")
            }
            return value
        }
        let version = try integer("v")
        guard version == 1 else { throw HarnessError("a message of format version \(version) instead of 1") }
        self.init(
            session: try string("session"), epoch: try integer("epoch"), application: try string("application"),
            generation: try integer("generation"), shard: try integer("shard"), numShards: try integer("num_shards"),
            firstSequence: try integer("first_s"), lastSequence: try integer("last_s"), count: try integer("count"))
    }
}
