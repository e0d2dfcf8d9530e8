/// What became of one step of a schedule.
package struct Planting: Sendable, Equatable {
    package enum Trace: Sendable, Equatable {
        /// The sandbox's numbers of it, one for each try: the ledger tells whom they met.
        case ledger([Int64])
        /// How many processes or connections it met.
        case met(Int)
    }

    package let fault: ScheduledFault
    package let trace: Trace

    package init(_ fault: ScheduledFault, _ trace: Trace) {
        self.fault = fault
        self.trace = trace
    }
}
