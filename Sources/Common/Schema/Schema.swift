package import Postgres

/// Every step of the database's schema, in order. A step that has landed is never edited.
package enum Schema {
    package static let migrations = [
        Migration(
            version: 1,
            name: "cluster",
            sql: """
                create table leader (
                    only_row boolean primary key default true check (only_row),
                    holder text not null,
                    epoch bigint not null,
                    expires_at timestamptz not null
                );
                comment on table leader is 'Who may write the cluster''s state. Every write checks the epoch.';

                create table applications (
                    id bigint primary key,
                    name text not null,
                    intents bigint not null,
                    gateway_url text not null
                );
                comment on table applications is 'What grants are made of while Discord can''t be asked.';

                create table generations (
                    application bigint not null,
                    generation bigint not null,
                    num_shards bigint not null check (num_shards > 0),
                    created_at timestamptz not null default clock_timestamp(),
                    primary key (application, generation)
                );

                create table members (
                    id text primary key,
                    kind text not null check (kind in ('shard', 'worker')),
                    incarnation bigint not null,
                    capacity bigint not null,
                    zone text not null,
                    version text not null,
                    started_at timestamptz not null,
                    state text not null check (state in ('alive', 'draining', 'lost', 'gone'))
                );
                comment on table members is 'The last incarnation of each member. A member that is gone keeps its row: incarnations only grow.';

                create table slots (
                    application bigint not null,
                    generation bigint not null,
                    shard bigint not null,
                    num_shards bigint not null,
                    epoch bigint not null,
                    member text,
                    incarnation bigint,
                    session_id text,
                    resume_url text,
                    watermark bigint,
                    updated_at timestamptz not null default clock_timestamp(),
                    primary key (application, generation, shard)
                );

                create table lanes (
                    lane bigint primary key,
                    primary_member text,
                    standby_member text
                );

                create table identify_permits (
                    application bigint not null,
                    bucket bigint not null,
                    granted_at timestamptz not null,
                    primary key (application, bucket)
                );
                comment on table identify_permits is 'When each identify bucket was last used, over the whole fleet and over leaders.';
                """
        )
    ]
}
