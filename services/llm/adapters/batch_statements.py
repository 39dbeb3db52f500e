"""The statements of batches in PostgreSQL. Numbers of states are those of services/llm/domain/batch.py."""

_BATCH = """
SELECT b.*, CASE WHEN b.state = 2 AND b.look_time > now() THEN b.wait_reason ELSE '' END AS waits_for
FROM batches b
"""
FIND = _BATCH + "WHERE b.key = :key"
FIND_ADDED = _BATCH + "WHERE b.key = :key OR (b.request_id = :request_id AND :request_id <> '')"
PAGE = (
    _BATCH
    + """
WHERE (:tenant = '' OR b.tenant = :tenant)
  AND (b.create_time, b.key) < (CAST(CAST(:time AS text) AS timestamptz), :key)
ORDER BY b.create_time DESC, b.key DESC LIMIT :limit
"""
)
RUNNABLE = (
    _BATCH
    + """
WHERE b.state = 2 AND (b.look_time IS NULL OR b.look_time <= now())
  AND EXISTS (SELECT FROM batch_items i WHERE i.batch = b.key AND i.state = 1)
ORDER BY b.start_time, b.key
"""
)
ADD = """
INSERT INTO batches
    (key, request_id, display_name, use_case, model, min_quality, tenant, user_id, interrupted, state)
VALUES (:key, :request_id, :display_name, :use_case, :model, :min_quality, :tenant, :user_id, :interrupted, :state)
ON CONFLICT DO NOTHING
"""
ADD_ITEMS = """
INSERT INTO batch_items (batch, key, request)
SELECT CAST(:key AS text), given.key, given.request
FROM unnest(CAST(:keys AS text[]), CAST(:requests AS bytea[])) WITH ORDINALITY AS given (key, request, place)
ORDER BY given.place
ON CONFLICT (batch, key) DO NOTHING
RETURNING key
"""
OTHERS = """
SELECT given.key FROM unnest(CAST(:keys AS text[]), CAST(:requests AS bytea[])) AS given (key, request)
JOIN batch_items i ON i.batch = :key AND i.key = given.key AND i.request <> given.request
"""
TALLY = """
SELECT i.state, count(*) AS items, sum(i.cost_micros) AS cost_micros, sum(i.input_tokens) AS input_tokens,
       sum(i.output_tokens) AS output_tokens, sum(i.cached_input_tokens) AS cached_input_tokens,
       bool_or(i.estimated) AS estimated,
       count(*) FILTER (WHERE i.end_time > now() - interval '1 minute') AS lately,
       max(extract(epoch FROM least(now() - b.start_time, interval '1 minute'))) AS lately_seconds
FROM batch_items i JOIN batches b ON b.key = i.batch
WHERE i.batch = :key GROUP BY i.state
"""
_SHOWN = """
position, key, state, attempt, cost_micros, input_tokens, output_tokens, cached_input_tokens, estimated,
error_reason, error_message, end_time
"""
ITEMS = f"""
SELECT {_SHOWN}, CAST('' AS bytea) AS answer FROM batch_items
WHERE batch = :key AND state = ANY(CAST(:states AS smallint[])) AND position > :after
ORDER BY position LIMIT :limit
"""  # noqa: S608 - put together from our own words
# Sizes first, which are known without reading the answers; then the answers of those that fit.
RESULTS = f"""
WITH sized AS (
    SELECT position, sum(octet_length(answer)) OVER (ORDER BY position) AS bytes,
           row_number() OVER (ORDER BY position) AS place
    FROM (SELECT position, answer FROM batch_items
          WHERE batch = :key AND state = ANY(CAST(:states AS smallint[])) AND position > :after
          ORDER BY position LIMIT :limit) AS candidates)
SELECT {_SHOWN}, answer FROM batch_items
WHERE position IN (SELECT position FROM sized WHERE bytes <= :most OR place = 1)
ORDER BY position
"""  # noqa: S608 - put together from our own words
MOVE = """
UPDATE batches SET state = CAST(:state AS integer), wait_reason = '', look_time = NULL,
    provider = CASE WHEN CAST(:provider AS text) <> '' THEN CAST(:provider AS text) ELSE provider END,
    start_time = coalesce(start_time, CASE WHEN CAST(:state AS integer) = 2 THEN now() END),
    end_time = CASE WHEN CAST(:state AS integer) IN (4, 5) THEN now() END
WHERE key = :key
"""
CANCEL_PENDING = """
UPDATE batch_items SET state = 6, end_time = now() WHERE batch = :key AND state = 1 RETURNING position
"""
WAIT_AGAIN = """
UPDATE batch_items SET state = 1, error_reason = '', error_message = '', end_time = NULL, job = ''
WHERE batch = :key AND state = ANY(CAST(:states AS smallint[]))
  AND (CAST(:all AS boolean) OR key = ANY(CAST(:keys AS text[])))
RETURNING position
"""
# The attempt is on disk once this commits, before anybody is called. A batch that is being cancelled gives nothing:
# the lock, which claims share, makes this wait for whoever cancels, and whoever cancels wait for this.
# In a batch that a provider runs, the job of items that are run one by one all the same is called "here".
CLAIM = """
WITH going AS (SELECT key FROM batches WHERE key = :key AND state = 2 FOR SHARE),
picked AS (
    SELECT position FROM batch_items WHERE batch = (SELECT key FROM going) AND state = 1
      AND (CAST(:whose AS text) = '' OR (job = 'here') = (CAST(:whose AS text) = 'here'))
    ORDER BY position LIMIT :limit FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE batch_items i SET state = 2, attempt = i.attempt + 1, holder = CAST(:holder AS text), job = :job,
        lease_until = now() + make_interval(secs => CAST(:lease AS double precision))
    FROM picked WHERE i.position = picked.position
    RETURNING i.position, i.batch, i.key, i.attempt, i.request),
noted AS (
    INSERT INTO batch_attempts (position, attempt, holder) SELECT position, attempt, CAST(:holder AS text) FROM claimed)
SELECT * FROM claimed ORDER BY position
"""
# Past those whose end is being written just now: waiting for them while they wait for us would be a deadlock.
RENEW = """
UPDATE batch_items SET lease_until = now() + make_interval(secs => CAST(:lease AS double precision))
WHERE position IN (
    SELECT position FROM batch_items
    WHERE position = ANY(CAST(:positions AS bigint[])) AND state = 2 AND lease_until IS NOT NULL AND holder = :holder
    FOR UPDATE SKIP LOCKED)
"""
# An attempt that was given up (5) and still comes to an end counts, as long as nobody began another one.
FINISH = """
WITH given AS (
    SELECT * FROM unnest(
        CAST(:positions AS bigint[]), CAST(:attempts AS integer[]), CAST(:states AS smallint[]),
        CAST(:answers AS bytea[]), CAST(:inputs AS bigint[]), CAST(:outputs AS bigint[]), CAST(:cached AS bigint[]),
        CAST(:estimated AS boolean[]), CAST(:costs AS bigint[]), CAST(:reasons AS text[]), CAST(:messages AS text[]))
    AS g (position, attempt, state, answer, input, output, cached, estimated, cost, reason, message)),
ended AS (
    UPDATE batch_items i SET state = g.state, answer = g.answer, input_tokens = i.input_tokens + g.input,
        output_tokens = i.output_tokens + g.output, cached_input_tokens = i.cached_input_tokens + g.cached,
        estimated = i.estimated OR g.estimated, cost_micros = i.cost_micros + g.cost, error_reason = g.reason,
        error_message = g.message, holder = '', lease_until = NULL, end_time = CASE WHEN g.state > 2 THEN now() END
    FROM given g WHERE i.position = g.position AND i.attempt = g.attempt
      AND (i.state = 2 OR (i.state = 5 AND g.state IN (3, 4))))
UPDATE batch_attempts a SET end_time = now(), outcome = g.state
FROM given g WHERE a.position = g.position AND a.attempt = g.attempt
"""
LAPSED = """
SELECT position, batch, key, attempt, request FROM batch_items
WHERE state = 2 AND lease_until IS NOT NULL AND lease_until < now()
ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED
"""
PAUSE = """
UPDATE batches SET wait_reason = :reason,
    resume_time = now() + make_interval(secs => CAST(:resume AS double precision)),
    look_time = now() + make_interval(secs => CAST(:look AS double precision))
WHERE key = :key AND state = 2
"""
CANCEL_LEFT = """
UPDATE batch_items SET state = 6, end_time = now()
WHERE state = 1 AND batch IN (SELECT key FROM batches WHERE state = 3)
"""
# In two steps: the second one sees what was written by whoever held the lock before.
LOCK_FINISHED = """
SELECT key FROM batches b
WHERE state IN (2, 3) AND NOT EXISTS (SELECT FROM batch_items i WHERE i.batch = b.key AND i.state < 3)
FOR UPDATE SKIP LOCKED
"""
END_FINISHED = """
UPDATE batches b SET state = CASE b.state WHEN 3 THEN 4 ELSE 5 END, end_time = now(), wait_reason = '', look_time = NULL
WHERE b.key = ANY(CAST(:keys AS text[])) AND b.state IN (2, 3)
  AND NOT EXISTS (SELECT FROM batch_items i WHERE i.batch = b.key AND i.state < 3)
"""
OPEN_JOB = """
INSERT INTO batch_jobs (key, batch, provider, holder, lease_until)
SELECT CAST(:key AS text), key, provider, CAST(:holder AS text),
    now() + make_interval(secs => CAST(:lease AS double precision))
FROM batches WHERE key = :batch RETURNING provider
"""
LEFT_TO_PROVIDER = """
SELECT count(*) AS items FROM batch_items WHERE batch = :key AND state = 1 AND job <> 'here'
"""
RUN_HERE = """
WITH given_back AS (
    UPDATE batch_items SET state = 1, holder = '', job = 'here'
    WHERE job = :key AND state = 2 AND position = ANY(CAST(:positions AS bigint[])) RETURNING position, attempt)
UPDATE batch_attempts a SET end_time = now(), outcome = 1
FROM given_back WHERE a.position = given_back.position AND a.attempt = given_back.attempt
"""
TAKE_JOB = """
UPDATE batch_jobs SET holder = :holder, lease_until = now() + make_interval(secs => CAST(:lease AS double precision))
WHERE key = (
    SELECT key FROM batch_jobs
    WHERE NOT closed AND look_time <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY look_time LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING key, batch, provider, handle
"""
NOTE_JOB = """
UPDATE batch_jobs SET handle = :handle, holder = '', lease_until = NULL,
    look_time = now() + make_interval(secs => CAST(:look AS double precision))
WHERE key = :key
"""
CLOSE_JOB_ITEMS = """
WITH left_over AS (
    UPDATE batch_items SET state = CAST(:state AS integer), error_reason = :reason, holder = '', job = '',
        end_time = CASE WHEN CAST(:state AS integer) > 2 THEN now() END
    WHERE job = :key AND state = 2 RETURNING position, attempt)
UPDATE batch_attempts a SET end_time = now(), outcome = CAST(:state AS integer)
FROM left_over WHERE a.position = left_over.position AND a.attempt = left_over.attempt
"""
CLOSE_JOB = "UPDATE batch_jobs SET closed = true, reason = :reason, lease_until = NULL, holder = '' WHERE key = :key"
JOB_ITEMS = """
SELECT position, batch, key, attempt, request FROM batch_items
WHERE job = :key AND job <> '' AND state = 2 AND position > :after ORDER BY position LIMIT :limit
"""
