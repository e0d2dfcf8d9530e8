/// Microseconds since the schedule began.
package typealias VirtualTime = Int64

/// What happens when, in the order of time, and of insertion at the same time. Entries move, events stay where they
/// are.
struct EventQueue<Event> {
    private struct Entry {
        let time: VirtualTime
        let order: UInt64
        let place: Int
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var pushed: UInt64 = 0

    var isEmpty: Bool { self.heap.isEmpty }
    var nextTime: VirtualTime? { self.heap.first?.time }

    mutating func push(_ event: Event, at time: VirtualTime) {
        let place: Int
        if let reused = self.free.popLast() {
            place = reused
            self.events[place] = event
        } else {
            place = self.events.count
            self.events.append(event)
        }
        self.pushed += 1
        let entry = Entry(time: time, order: self.pushed, place: place)
        var child = self.heap.count
        self.heap.append(entry)
        while child > 0 {
            let parent = (child - 1) >> 1
            guard Self.isBefore(entry, self.heap[parent]) else { break }
            self.heap[child] = self.heap[parent]
            child = parent
        }
        self.heap[child] = entry
    }

    mutating func pop() -> (time: VirtualTime, event: Event)? {
        guard let first = self.heap.first, let last = self.heap.popLast() else { return nil }
        let count = self.heap.count
        if count > 0 {
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < count else { break }
                if child + 1 < count, Self.isBefore(self.heap[child + 1], self.heap[child]) { child += 1 }
                guard Self.isBefore(self.heap[child], last) else { break }
                self.heap[parent] = self.heap[child]
                parent = child
            }
            self.heap[parent] = last
        }
        guard let event = self.events[first.place] else { return nil }
        self.events[first.place] = nil
        self.free.append(first.place)
        return (first.time, event)
    }

    private static func isBefore(_ first: Entry, _ second: Entry) -> Bool {
        first.time != second.time ? first.time < second.time : first.order < second.order
    }
}
