/// The properties of a message. Short strings hold at most 255 bytes.
package struct AMQPProperties: Sendable, Equatable {
    package enum DeliveryMode: UInt8, Sendable {
        case transient = 1
        case persistent = 2
    }

    package var contentType: String?
    package var contentEncoding: String?
    package var headers: AMQPTable
    /// In place of `headers`, for messages that are published; only `contentType` and `deliveryMode` go with them.
    package var encodedHeaders: AMQPEncodedHeaders?
    package var deliveryMode: DeliveryMode?
    /// 0 to 255; a queue needs `x-max-priority` to heed it.
    package var priority: UInt8?
    package var correlationID: String?
    package var replyTo: String?
    /// Milliseconds to live, in decimal digits.
    package var expiration: String?
    package var messageID: String?
    /// Seconds since the Unix epoch.
    package var timestamp: UInt64?
    package var type: String?
    /// Must be the connection's user when set, or the broker closes the channel (406).
    package var userID: String?
    package var appID: String?

    /// Whether there is nothing besides what goes with encoded headers.
    var isPlain: Bool {
        self.headers.isEmpty && self.contentEncoding == nil && self.priority == nil && self.correlationID == nil
            && self.replyTo == nil && self.expiration == nil && self.messageID == nil && self.timestamp == nil
            && self.type == nil && self.userID == nil && self.appID == nil
    }

    package init(contentType: String, encodedHeaders: AMQPEncodedHeaders, deliveryMode: DeliveryMode) {
        self.init(contentType: contentType, deliveryMode: deliveryMode)
        self.encodedHeaders = encodedHeaders
    }

    package init(
        contentType: String? = nil,
        contentEncoding: String? = nil,
        headers: AMQPTable = [:],
        deliveryMode: DeliveryMode? = nil,
        priority: UInt8? = nil,
        correlationID: String? = nil,
        replyTo: String? = nil,
        expiration: String? = nil,
        messageID: String? = nil,
        timestamp: UInt64? = nil,
        type: String? = nil,
        userID: String? = nil,
        appID: String? = nil
    ) {
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.headers = headers
        self.deliveryMode = deliveryMode
        self.priority = priority
        self.correlationID = correlationID
        self.replyTo = replyTo
        self.expiration = expiration
        self.messageID = messageID
        self.timestamp = timestamp
        self.type = type
        self.userID = userID
        self.appID = appID
    }
}
