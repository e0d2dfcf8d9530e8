/// A dispatch that was accepted: its bytes are good for the call only.
struct CacheDispatch {
    let sequence: Int64
    let name: UnsafeRawBufferPointer
    let guild: UInt64?
    let data: UnsafeRawBufferPointer
    /// The publish plan wants the state from before in the event's line.
    var wantsOld = false
}

/// What a batch has to wait for before it leaves.
struct CacheTicket: Equatable, Sendable {
    /// Grows with each write of a process' event loop, from 1.
    let number: UInt64
    /// The event's line is to show what the cache held before: it travels as a batch of its own.
    var attachesOld = false
}

/// The guild cache as a slot sees it. Confined to the slot's event loop.
protocol SlotCache: AnyObject {
    /// From the next event on the guilds of these lanes are kept; those of others are left to another generation.
    func use(_ published: PublishedLanes)

    /// Writes down what a dispatch changes. Called once for each that is new, in their order, also for those that are
    /// not published. `nil`: there is nothing to wait for.
    func accepted(_ dispatch: CacheDispatch) -> CacheTicket?

    /// False while writes pile up at a Redis that takes them: the slot's socket is to be left unread. The slot is told
    /// when that is over.
    var hasRoom: Bool { get }

    /// Whether what the batch waits for is done: the cache knows its events, is away, or has had its time. Puts the
    /// old state into the batch where one is asked for. When false, `wake` is called later.
    func mayLeave(_ batch: inout EventBatch, wake: @escaping () -> Void) -> Bool

    /// The session is lost: what is cached may be out of date until READY and GUILD_CREATE.
    func sessionLost()

    /// Of members that the cache has asked for, the last chunk comes next (`true`), or none will come.
    func membersAnswered(guild: UInt64, isComplete: Bool)

    /// Whether the cache lacks writes of events that are settled: told to the slot's next owner.
    var isBehind: Bool { get }

    /// Whether Redis has answered what the slot wrote, is away, or has had its time. When false, `wake` is called
    /// later.
    func mayEnd(wake: @escaping () -> Void) -> Bool

    /// The slot is let go of. Answers that are still to come are heard all the same.
    ///
    /// - Returns: ``isBehind``, also when a write has no answer yet.
    func end() -> Bool
}
