/// Why a gateway payload could not be sliced.
package struct SliceError: Error, Equatable, Sendable {
    package enum Code: Sendable {
        /// The bytes end inside the payload.
        case truncated
        /// A byte that JSON does not allow at this place.
        case unexpectedByte
        case invalidEscape
        /// An unescaped byte below 0x20 inside a string.
        case controlCharacter
        case invalidNumber
        /// More than ``FrameSlice/maximumDepth`` containers within each other.
        case tooDeep
        /// Something other than white space after the payload.
        case trailingBytes
        case missingOpcode, invalidOpcode, invalidSequence, invalidName
    }

    package let code: Code
    /// Where, in bytes from the start.
    package let offset: Int

    package var message: String { "gateway payload: \(self.code) at byte \(self.offset)" }
}

extension SliceError: CustomStringConvertible {
    package var description: String { self.message }
}
