package import Redis

/// The scripts that change a guild. Each touches the keys of one guild, which lie in one hash slot; their names are
/// made from the guild's key.
package enum CacheScripts {
    /// Loaded into every new connection's server.
    package static let all = [Self.apply, Self.verify, Self.refill, Self.forget, Self.notePresence]

    /// Seconds that a guild which is gone keeps its version, and that a session's writes keep out those of earlier
    /// sessions.
    static let tombstoneSeconds = 600

    /// Seconds that the parts of a large guild wait to be put in place.
    static let partSeconds = 60

    private static let onlyInGuildCreate = CacheKind.onlyInGuildCreate.map(\.rawValue).sorted().joined(separator: ",")

    private static let common = """
        local base, metaKey = KEYS[1], KEYS[1] .. ':meta'
        local function drop()
          redis.call('UNLINK', base, base .. ':channels', base .. ':roles', base .. ':threads', base .. ':threads:own',
            base .. ':emojis', base .. ':stickers', base .. ':members', base .. ':members:seen', base .. ':voice',
            base .. ':presences', base .. ':presences:seen', base .. ':stages', base .. ':events', base .. ':sounds',
            base .. ':notes')
        end
        local function dropInPart(kinds)
          for kind in string.gmatch(kinds, '[^,]+') do
            redis.call('UNLINK', base .. ':' .. kind, base .. ':' .. kind .. ':seen')
          end
        end
        local function without(list, kind)
          local kept = {}
          for word in string.gmatch(list, '[^,]+') do
            if word ~= kind then kept[#kept + 1] = word end
          end
          return table.concat(kept, ',')
        end
        local function touch(key, time, from, last)
          -- Text, which Redis takes as it is: it would write a number out again for each entry.
          local scores = {}
          for entry = from, last, 2 do
            scores[#scores + 1] = time
            scores[#scores + 1] = ARGV[entry]
          end
          for first = 1, #scores, 4000 do
            redis.call('ZADD', key, unpack(scores, first, math.min(first + 3999, #scores)))
          end
        end
        local function put(key, from, last)
          while from <= last do
            local to = math.min(from + 3999, last)
            redis.call('HSET', key, unpack(ARGV, from, to))
            from = to + 1
          end
        end

        """

    /// Changes a guild by one event, unless something newer was written.
    ///
    /// KEYS[1]: the guild. ARGV: order, session, s, s of the session's write before this one (-1: it follows the last
    /// write of another generation), kinds kept whole, kinds kept in part, mode, operations. Answers 0 (refused),
    /// 1 (applied) or 2 (applied, and something was missed before), the kinds that are unsure, and the values asked
    /// for.
    package static let apply = RedisScript(
        common + """
            local order, session, s, mode = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[7]
            local m = redis.call('HMGET', metaKey, 'order', 'session', 's', 'state', 'at', 'unsure')
            local time = redis.call('TIME')[1]
            local now = tonumber(time)
            local state, unsure, doubt = m[4], m[6] or '', false
            if not m[1] then
              doubt = true
            elseif m[2] == session then
              if s <= tonumber(m[3]) then return {0, unsure} end
              doubt = tonumber(ARGV[4]) > tonumber(m[3])
              if m[1] > order then order = m[1] end
            elseif m[1] ~= '' then
              if mode == 'expect' and state ~= 'gone' and string.sub(m[1], 1, 6) ~= string.sub(order, 1, 6) then
                return {0, unsure}
              end
              if order < m[1] and now - tonumber(m[5]) < \(tombstoneSeconds) then return {0, unsure} end
              doubt = tonumber(ARGV[4]) >= 0
            end

            local result, i = {0, ''}, 8
            while ARGV[i] == 'o' do
              if ARGV[i + 1] == 'guild' then
                result[#result + 1] = redis.call('GET', base)
              else
                result[#result + 1] = redis.call('HGET', base .. ':' .. ARGV[i + 1], ARGV[i + 2])
              end
              i = i + 3
            end

            local fields = {}
            local function set(field, value)
              fields[#fields + 1] = field
              fields[#fields + 1] = value
            end
            if mode == 'update' then
              if state == 'gone' and not doubt then return {0, ''} end
              if doubt then
                unsure = ARGV[5]
                if state ~= 'unavailable' then state = 'unsure' end
              end
            elseif mode == 'create' then
              drop()
              redis.call('DEL', metaKey)
              state, unsure, doubt = 'warm', '', false
              set('created', ARGV[3])
            elseif mode == 'unavailable' then
              state = 'unavailable'
              if doubt then unsure = ARGV[5] end
            elseif mode == 'expect' then
              state = (not m[1] or state == 'gone') and 'filling' or 'unsure'
              unsure, doubt = ARGV[5], true
            elseif mode == 'gone' then
              drop()
              redis.call('DEL', metaKey)
              redis.call('HSET', metaKey, 'order', order, 'session', session, 's', ARGV[3], 'at', now,
                'state', 'gone')
              redis.call('EXPIRE', metaKey, \(tombstoneSeconds))
              result[1] = 1
              return result
            end
            if doubt then
              dropInPart(ARGV[6])
              redis.call('HINCRBY', metaKey, 'doubts', 1)
            end
            if doubt or mode == 'create' then
              set('kinds', ARGV[5])
              set('parts', ARGV[6])
            end
            if m[4] == 'gone' then redis.call('PERSIST', metaKey) end

            local touched = {}
            while ARGV[i] do
              local op, kind = ARGV[i], ARGV[i + 1]
              local key = base .. ':' .. kind
              if op == 'p' then
                local count = tonumber(ARGV[i + 2])
                put(key, i + 3, i + 2 + 2 * count)
                touched[kind] = true
                i = i + 3 + 2 * count
              elseif op == 'd' then
                local count = tonumber(ARGV[i + 2])
                redis.call('HDEL', key, unpack(ARGV, i + 3, i + 2 + count))
                if kind == 'members' or kind == 'presences' then
                  redis.call('ZREM', key .. ':seen', unpack(ARGV, i + 3, i + 2 + count))
                end
                touched[kind] = true
                i = i + 3 + count
              elseif op == 'b' then
                local seconds, most, count = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
                local seen = key .. ':seen'
                put(key, i + 5, i + 4 + 2 * count)
                touch(seen, time, i + 5, i + 4 + 2 * count)
                local old = redis.call('ZRANGEBYSCORE', seen, '-inf', now - seconds, 'LIMIT', 0, 1000)
                local over = redis.call('ZCARD', seen) - #old - most
                if over > 0 then
                  for _, id in ipairs(redis.call('ZRANGE', seen, #old, #old + math.min(over, 1000) - 1)) do
                    old[#old + 1] = id
                  end
                end
                if #old > 0 then
                  redis.call('ZREM', seen, unpack(old))
                  redis.call('HDEL', key, unpack(old))
                end
                redis.call('EXPIRE', key, seconds)
                redis.call('EXPIRE', seen, seconds)
                i = i + 5 + 2 * count
              elseif op == 'v' then
                redis.call('SET', base, kind)
                touched['guild'] = true
                i = i + 2
              elseif op == 'r' then
                local count = tonumber(ARGV[i + 2])
                redis.call('UNLINK', key)
                put(key, i + 3, i + 2 + 2 * count)
                touched[kind] = true
                i = i + 3 + 2 * count
              elseif op == 'a' then
                if redis.call('EXISTS', ARGV[i + 2]) == 1 then
                  redis.call('RENAME', ARGV[i + 2], key)
                  redis.call('PERSIST', key)
                else
                  unsure, doubt = without(unsure, kind) .. ',' .. kind, true
                end
                touched[kind] = true
                i = i + 3
              elseif op == 'n' then
                redis.call('HSET', base .. ':notes', kind, ARGV[i + 2])
                i = i + 3
              elseif op == 'f' then
                set(kind, ARGV[i + 2])
                i = i + 3
              elseif op == 'j' then
                local id = ARGV[i + 2]
                if redis.call('HEXISTS', metaKey, 'member_count') == 1
                  and (id == '' or redis.call('HEXISTS', base .. ':members', id) == 0) then
                  redis.call('HINCRBY', metaKey, 'member_count', kind)
                end
                i = i + 3
              elseif op == 'c' or op == 't' then
                local parents, count, all = {}, 1, kind == 'all'
                if op == 'c' then
                  parents[kind] = true
                  redis.call('HDEL', base .. ':channels', kind)
                  redis.call('HDEL', base .. ':notes', kind .. ':last_pin_timestamp', kind .. ':last_message_id',
                    kind .. ':status', kind .. ':voice_start_time')
                  touched['channels'] = true
                  i = i + 2
                elseif all then
                  i = i + 2
                else
                  count = tonumber(kind)
                  for parent = i + 2, i + 1 + count do parents[ARGV[parent]] = true end
                  i = i + 2 + count
                end
                if all then
                  redis.call('UNLINK', base .. ':threads', base .. ':threads:own')
                elseif count > 0 then
                  local threads = redis.call('HGETALL', base .. ':threads')
                  for entry = 1, #threads, 2 do
                    local isRead, thread = pcall(cjson.decode, threads[entry + 1])
                    if isRead and type(thread) == 'table' and parents[thread['parent_id']] then
                      redis.call('HDEL', base .. ':threads', threads[entry])
                      redis.call('HDEL', base .. ':threads:own', threads[entry])
                    end
                  end
                end
                touched['threads'] = true
              elseif op == 'u' then
                unsure = without(unsure, kind)
                unsure = unsure == '' and kind or unsure .. ',' .. kind
                if mode == 'create' then state = 'filling' end
                i = i + 2
              elseif op == 'k' then
                unsure = without(unsure, kind)
                i = i + 2
              else
                return redis.error_reply('ERR unknown operation ' .. op)
              end
            end

            if state == 'warm' and unsure ~= '' then state = 'unsure' end
            if unsure == '' and (state == 'unsure' or state == 'filling') then state = 'warm' end
            set('order', order)
            set('session', session)
            set('s', ARGV[3])
            set('at', now)
            set('state', state)
            set('unsure', unsure)
            for kind in pairs(touched) do set('c:' .. kind, ARGV[3]) end
            redis.call('HSET', metaKey, unpack(fields))
            result[1], result[2] = doubt and mode ~= 'expect' and 2 or 1, unsure
            return result
            """)

    /// Marks a guild as unsure when a session's last write is not there, or in any case.
    ///
    /// KEYS[1]: the guild. ARGV: order, session, s of the session's last write, how, kinds kept whole, kinds kept in
    /// part. How: `0`; `1` for any case; `2` also when a later session wrote last, which stays the last; `3` when this
    /// session wrote last, and then any session may be next. Answers 1 when the guild was marked.
    package static let verify = RedisScript(
        common + """
            local order, session, s = ARGV[1], ARGV[2], ARGV[3]
            local m = redis.call('HMGET', metaKey, 'order', 'session', 's', 'state')
            local state = m[4]
            if ARGV[4] == '3' then
              if m[2] ~= session or state == 'gone' then return 0 end
              order, session, s = '', '', 0
            elseif m[1] then
              if m[2] == session then
                local isThere = tonumber(m[3]) >= tonumber(s)
                if isThere and (ARGV[4] ~= '1' or state == 'gone') then return 0 end
                if isThere then s = m[3] end
                if m[1] > order then order = m[1] end
              elseif m[1] == '' then
                return 0
              elseif m[1] > order then
                if ARGV[4] ~= '2' or state == 'gone' then return 0 end
                order, session, s = m[1], m[2], m[3]
              end
              if state == 'gone' then redis.call('PERSIST', metaKey) end
            end
            dropInPart(ARGV[6])
            if state ~= 'unavailable' then state = 'unsure' end
            redis.call('HSET', metaKey, 'order', order, 'session', session, 's', s, 'at', redis.call('TIME')[1],
              'state', state, 'unsure', ARGV[5], 'kinds', ARGV[5], 'parts', ARGV[6])
            redis.call('HINCRBY', metaKey, 'doubts', 1)
            return 1
            """)

    /// Puts what REST tells in place of what is kept, kind by kind, where nothing was written since. Unsure kinds that
    /// REST has no list of are emptied; what events tell of them is kept in part, until the next GUILD_CREATE.
    ///
    /// KEYS[1]: the guild. ARGV: session, created and doubts as read before asking, kinds kept whole (for a guild that
    /// is not there), then for each kind: its name, its last change as read before, how many values, the values: one
    /// for the guild itself, ids and values for the others; last `member_count` and the number, if it is known. Answers
    /// the kinds that were put, or nothing when too much has changed; then the kinds that are unsure still.
    package static let refill = RedisScript(
        common + """
            local m = redis.call('HMGET', metaKey, 'session', 'created', 'doubts', 'state', 'unsure', 'order', 'kinds',
              'parts')
            if (m[1] or '') ~= ARGV[1] or (m[2] or '') ~= ARGV[2] or (m[3] or '') ~= ARGV[3] then return {} end
            local state, unsure, i, result = m[4], m[5] or '', 5, {}
            local kinds, parts = m[7] or '', m[8] or ''
            if state == 'gone' or state == 'unavailable' then return {} end
            if not m[6] then
              state, unsure, kinds = 'unsure', ARGV[4], ARGV[4]
              redis.call('HSET', metaKey, 'order', '', 'session', '', 's', 0)
            end
            while ARGV[i] do
              local kind = ARGV[i]
              if kind == 'member_count' then
                redis.call('HSET', metaKey, 'member_count', ARGV[i + 1])
                i = i + 2
              else
                local last = i + 2 + tonumber(ARGV[i + 2])
                if (redis.call('HGET', metaKey, 'c:' .. kind) or '') == ARGV[i + 1] then
                  if kind == 'guild' then
                    redis.call('SET', base, ARGV[last])
                  else
                    redis.call('UNLINK', base .. ':' .. kind)
                    put(base .. ':' .. kind, i + 3, last)
                  end
                  unsure = without(unsure, kind)
                  result[#result + 1] = kind
                end
                i = last + 1
              end
            end
            for kind in string.gmatch('\(onlyInGuildCreate)', '[^,]+') do
              local certain = without(unsure, kind)
              if certain ~= unsure then
                redis.call('UNLINK', base .. ':' .. kind)
                unsure, kinds = certain, without(kinds, kind)
                parts = parts == '' and kind or parts .. ',' .. kind
              end
            end
            if unsure == '' and (state == 'unsure' or state == 'filling') then state = 'warm' end
            redis.call('HSET', metaKey, 'state', state, 'unsure', unsure, 'at', redis.call('TIME')[1], 'kinds', kinds,
              'parts', parts)
            result[#result + 1] = unsure
            return result
            """)

    /// Removes a guild that Discord's REST doesn't know, where nothing was written since.
    ///
    /// KEYS[1]: the guild. ARGV: session, created and doubts as read before asking. Answers 1 when it was removed.
    package static let forget = RedisScript(
        common + """
            local m = redis.call('HMGET', metaKey, 'session', 'created', 'doubts', 'order', 's')
            if (m[1] or '') ~= ARGV[1] or (m[2] or '') ~= ARGV[2] or (m[3] or '') ~= ARGV[3] then return 0 end
            drop()
            redis.call('DEL', metaKey)
            redis.call('HSET', metaKey, 'order', m[4] or '', 'session', m[1] or '', 's', m[5] or 0,
              'at', redis.call('TIME')[1], 'state', 'gone')
            redis.call('EXPIRE', metaKey, \(tombstoneSeconds))
            return 1
            """)
}
