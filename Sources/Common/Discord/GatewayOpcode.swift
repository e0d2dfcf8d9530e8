/// What a gateway payload is (Discord docs, Opcodes and Status Codes). A bot must not send any other number.
package enum GatewayOpcode: Int, Sendable, CaseIterable {
    case dispatch = 0
    case heartbeat = 1
    case identify = 2
    case presenceUpdate = 3
    case voiceStateUpdate = 4
    case resume = 6
    case reconnect = 7
    case requestGuildMembers = 8
    case invalidSession = 9
    case hello = 10
    case heartbeatACK = 11
    case requestSoundboardSounds = 31
    case requestChannelInfo = 43

    /// Whether a client may send it.
    package var isSentByClients: Bool {
        switch self {
        case .dispatch, .reconnect, .invalidSession, .hello, .heartbeatACK: false
        case .heartbeat, .identify, .presenceUpdate, .voiceStateUpdate, .resume, .requestGuildMembers,
            .requestSoundboardSounds, .requestChannelInfo:
            true
        }
    }
}
