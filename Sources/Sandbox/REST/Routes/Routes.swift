/// The API's routes, a list for each resource. Paths are those under `/api/v10`.
enum Routes {
    /// Message objects that a request's files become.
    static func uploads(_ request: RESTRequest, _ service: RESTService, channel: String) async throws -> [JSONValue] {
        guard !request.form.files.isEmpty else { return [] }
        let channel = try request.id(channel)
        let files = request.form.files
        let (ids, baseURL) = try await service.hub.change { world in
            (files.map { _ in world.nextID() }, world.settings.baseURL)
        }
        return service.attachments.keep(files, channel: channel, ids: ids, baseURL: baseURL)
    }
}
