/// The API's routes, a list for each resource. Paths are those under `/api/v10`.
enum Routes {
    /// A request's files, with ids. They are kept by whoever finds that the request is right.
    static func uploads(
        _ request: RESTRequest, _ service: RESTService, channel: String
    ) async throws -> [AttachmentStore.Upload] {
        guard !request.form.files.isEmpty else { return [] }
        let channel = try request.id(channel)
        let files = request.form.files
        let (ids, baseURL) = try await service.hub.change { world in
            (files.map { _ in world.nextID() }, world.settings.baseURL)
        }
        return zip(files, ids).map { AttachmentStore.Upload($0, id: $1, channel: channel, baseURL: baseURL) }
    }
}
