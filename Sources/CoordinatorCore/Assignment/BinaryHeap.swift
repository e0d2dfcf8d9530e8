/// The smallest element first.
struct BinaryHeap<Element: Comparable> {
    private var elements: [Element]

    init(_ elements: [Element] = []) {
        self.elements = elements
        for parent in (0..<elements.count / 2).reversed() { self.siftDown(elements[parent], from: parent) }
    }

    var first: Element? { self.elements.first }

    mutating func push(_ element: Element) {
        self.elements.append(element)
        var place = self.elements.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard element < self.elements[parent] else { break }
            self.elements[place] = self.elements[parent]
            place = parent
        }
        self.elements[place] = element
    }

    mutating func pop() -> Element? {
        guard let first = self.elements.first, let last = self.elements.popLast() else { return nil }
        if !self.elements.isEmpty { self.siftDown(last, from: 0) }
        return first
    }

    /// Puts an element where it belongs, there or below; what is above it moves up.
    private mutating func siftDown(_ element: Element, from start: Int) {
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < self.elements.count else { break }
            if child + 1 < self.elements.count, self.elements[child + 1] < self.elements[child] { child += 1 }
            guard self.elements[child] < element else { break }
            self.elements[place] = self.elements[child]
            place = child
        }
        self.elements[place] = element
    }
}
