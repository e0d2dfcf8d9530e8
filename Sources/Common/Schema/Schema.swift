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
        ),
        Migration(
            version: 2,
            name: "gaps",
            sql: """
                create table gaps (
                    id bigint generated always as identity primary key,
                    application bigint not null,
                    generation bigint not null,
                    shard bigint not null,
                    num_shards bigint not null,
                    session text not null,
                    after bigint not null,
                    reason text not null,
                    at timestamptz not null,
                    member text not null,
                    unique (application, generation, shard, session)
                );
                comment on table gaps is 'Sessions that could not be resumed: their events after this watermark may be missing.';
                """
        ),
        Migration(
            version: 3,
            name: "operations",
            sql: """
                alter table leader add column url text;
                alter table leader add column batch bigint not null default 0;
                comment on column leader.batch is 'The leader''s last write: an older one that comes late is refused.';
                comment on column leader.url is 'Where the leader''s HTTP interface is reached by those who ask another coordinator.';

                alter table applications add column generation bigint;
                alter table applications add column resharded boolean not null default false;
                update applications set generation =
                    (select max(generation) from generations where application = applications.id);
                delete from applications where generation is null;
                alter table applications alter column generation set not null;
                comment on column applications.generation is 'The generation in force; during a reshard there is a later one.';

                alter table members add column mark text check (mark in ('cordoned', 'drained'));
                alter table slots add column pin text;
                alter table slots add column cache_is_behind boolean not null default false;
                alter table slots add column unknown_since bigint;
                comment on column slots.unknown_since is 'The epoch whose owner may have begun a session and has not told of it.';

                create table operations (
                    name text not null,
                    target text not null,
                    document jsonb not null,
                    updated_at timestamptz not null default clock_timestamp(),
                    primary key (name, target)
                );
                comment on table operations is 'What is on its way: a reshard of an application, a rolling restart.';

                create table audit (
                    id bigint generated always as identity primary key,
                    at timestamptz not null,
                    actor text not null,
                    action text not null,
                    target text not null,
                    detail text not null
                );
                comment on table audit is 'What operators asked for, and what the coordinator did of itself.';
                """
        ),
        Migration(
            version: 4,
            name: "moves",
            sql: """
                alter table slots add column moved_from text;
                alter table slots add column moved_to text;
                alter table slots add column moved_until timestamptz;
                comment on column slots.moved_to is 'Where an operator had it moved; it stays there until moved_until.';
                """
        ),
    ]
}
