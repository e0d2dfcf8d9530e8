import Discord
import NIOCore

extension Routes {
    /// Below `/sandbox/v1`: what goes wrong, and when.
    static let faults: [Route] = [
        Route("POST", "/faults", .exempt) { request, service in
            if let text = request.form.json["schedule"] {
                return try follow(text, service)
            }
            let planned = try FaultForm.parse(request.form.json)
            guard let ids = service.faults.add(planned) else {
                throw APIError(400, 50035, "more than \(FaultForm.most) faults would wait; DELETE gives them up")
            }
            try await service.hub.commit()
            let list = zip(ids, planned).map { id, planned in
                json(id, planned.fault, due: planned.at)
            }
            return .json(["faults": .array(list)], status: 202)
        },
        Route("GET", "/faults", .exempt) { _, service in
            let now = NIODeadline.now()
            let list = service.faults.pending.map { pending in
                json(pending.id, pending.fault, due: .nanoseconds(max(0, (pending.due - now).nanoseconds)))
            }
            return .json(["faults": .array(list)])
        },
        Route("DELETE", "/faults", .exempt) { _, service in
            service.faults.clear()
            return .noContent
        },
    ]

    private static func follow(_ text: JSONValue, _ service: RESTService) throws(APIError) -> RESTResponse {
        guard let text = text.string else {
            throw FaultForm.wrong("schedule", "a text such as seed=1,every=2s,kinds=op7+close")
        }
        let schedule: FaultSchedule
        do {
            schedule = try FaultSchedule(text)
        } catch {
            throw APIError(400, 50035, "schedule: \(error)")
        }
        service.faults.follow(schedule)
        return .json(["schedule": .string(text)], status: 202)
    }

    private static func json(_ id: Int64, _ fault: Fault, due: Duration) -> JSONValue {
        var object: JSONObject = ["id": .integer(id), "in_ms": .milliseconds(due)]
        object.members += fault.facts.members
        return .object(object)
    }
}
