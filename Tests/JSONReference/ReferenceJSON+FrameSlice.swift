package import Discord

extension ReferenceJSON {
    /// How the slicer's outcome for these bytes differs from what this parser reads; `nil` when they agree. Numbers and
    /// names that the slicer refuses by meaning are no disagreement.
    package static func difference(
        from sliced: Result<FrameSlice, SliceError>, of bytes: [UInt8]
    ) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        switch sliced {
        case .success(let slice):
            guard let object = self.parse(bytes) else { return "accepted, but no JSON: \(text)" }
            return self.differingPart(of: slice, from: object).map { "another \($0) in: \(text)" }
        case .failure(let error):
            switch error.code {
            case .invalidOpcode, .invalidSequence, .invalidName, .tooDeep: return nil
            case .missingOpcode:
                guard case .object? = self.parse(bytes) else { return "no opcode, but no JSON either: \(text)" }
                return self.parse(bytes)?["op"] == nil ? nil : "there is an opcode in: \(text)"
            case .truncated, .unexpectedByte, .invalidEscape, .controlCharacter, .invalidNumber, .trailingBytes:
                guard case .object? = self.parse(bytes) else { return nil }
                return "refused with \(error), but JSON: \(text)"
            }
        }
    }

    private static func differingPart(of slice: FrameSlice, from object: ReferenceJSON) -> String? {
        let data = object["d"]
        let name = object["t"]?.value.text
        let isGuild = ["GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"].contains(name)
        guard object["op"]?.value == .number(String(slice.op)) else { return "opcode" }
        guard object["s"]?.value.id == slice.sequence.map(UInt64.init) else { return "sequence" }
        guard slice.data == data?.range else { return "data" }
        guard slice.name?.count == (name == nil ? nil : (object["t"]?.range.count ?? 0) - 2) else { return "name" }
        guard slice.guildID == data?.value[isGuild ? "id" : "guild_id"]?.value.id else { return "guild id" }
        guard slice.channelID == data?.value["channel_id"]?.value.id else { return "channel id" }
        return nil
    }
}
