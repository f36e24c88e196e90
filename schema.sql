-- resnet-probe: what a network's residual blocks did while it trained, in one SQLite file.
--
-- This file is executed to make a store, and is written to be read by people who query one by hand
-- (SQLite 3.37 or later: the tables are STRICT). `resnet-probe schema` prints it,
-- `resnet-probe schema --view NAME` explains one view.
--
-- Start with the views at the end: block_latest, depth_profile, candidate, run_finding, run_summary, block_step. They are
-- the public contract: columns are added, never given another meaning. The tables hold rows as they came, one for
-- each rank and attempt; the views merge them and leave out what a later attempt superseded.
--
-- Words. run: one training. attempt: one start of it (a resume is a new attempt, and supersedes earlier
-- ones from its first step on). rank: one process of it. step: one optimizer step; step 0 is before any
-- update. block: a residual block y = x + F(x), or its stand-in in a plain or dense network. branch: F.
-- stream: x. sample: one row of the batch, or one token. Times are seconds since 1970
-- (datetime(started_at, 'unixepoch')).
--
-- NULL means "not measured" or "undefined"; the counters beside a statistic (…_n, undefined, non_finite)
-- say which. A distribution has the columns …_n, …_mean and …_m2 (sum of squared deviations: the sample
-- variance is m2 / (n - 1)).

PRAGMA application_id = 1380993585;  -- "RPJ1"
PRAGMA user_version = 4;             -- raised with every change of this file

-- One row: which store this is.
CREATE TABLE store (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uuid TEXT NOT NULL,            -- random, 32 hexadecimal digits; a copy keeps it
  created_at REAL NOT NULL       -- seconds since 1970
) STRICT;

-- One training.
CREATE TABLE run (
  id INTEGER PRIMARY KEY,        -- the number that `report --run 42` takes; never used again
  uuid TEXT NOT NULL UNIQUE,     -- the recorder's identity of the run, 32 hexadecimal digits
  name TEXT NOT NULL,            -- a label; several runs may share one
  project TEXT NOT NULL,         -- '' where none was given
  started_at REAL NOT NULL,      -- start of its first attempt
  last_seen_at REAL NOT NULL,    -- time of its last frame, opening or end
  status TEXT NOT NULL DEFAULT 'running'  -- of its newest attempt; a killed run stays 'running'
    CHECK (status IN ('running', 'completed', 'failed')),
  planned_steps INTEGER CHECK (planned_steps >= 0),  -- where known
  verdicts_due INTEGER NOT NULL DEFAULT 0 CHECK (verdicts_due IN (0, 1)),  -- something came that no verdict has seen
  recorder TEXT NOT NULL,        -- framework and recorder with their versions
  config TEXT NOT NULL DEFAULT '{}'  -- the user's configuration, secrets redacted
) STRICT;

CREATE INDEX run_by_name ON run (name, started_at);

-- One start of a run.
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id),
  uuid TEXT NOT NULL,            -- shared by all ranks of the start
  number INTEGER NOT NULL CHECK (number >= 1),  -- 1, 2, 3 … by start time
  started_at REAL NOT NULL,
  first_step INTEGER NOT NULL CHECK (first_step >= 0),  -- in force from here on …
  superseded_from INTEGER CHECK (superseded_from >= 0), -- … up to before here, where a later attempt took over
  world_size INTEGER NOT NULL CHECK (world_size >= 1),  -- processes that should report
  status TEXT NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'completed', 'failed')),
  finished_at REAL,              -- NULL while it has not ended in order
  last_step INTEGER CHECK (last_step >= 0),  -- last optimizer step, measured or not; NULL until it ended
  unseen INTEGER NOT NULL DEFAULT 1 CHECK (unseen IN (0, 1)),  -- findings do not reckon with it yet
  UNIQUE (run_id, uuid)
) STRICT;

-- One recorder process: one (run, attempt, rank).
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,     -- the first part of its segments' file names
  run_id INTEGER NOT NULL REFERENCES run (id),
  attempt_id INTEGER NOT NULL REFERENCES attempt (id),
  rank INTEGER NOT NULL CHECK (rank >= 0),  -- the process among those of the attempt, from 0
  host TEXT NOT NULL,            -- the machine it ran on
  block_map TEXT NOT NULL DEFAULT 'awaited'  -- whether its block map is the run's; frames are taken only if so
    CHECK (block_map IN ('awaited', 'agreed', 'contradicts')),
  rejected_records INTEGER NOT NULL DEFAULT 0 CHECK (rejected_records >= 0),  -- passed over: they contradict the block map or are of an unknown kind
  first_rejection TEXT,          -- why, for the first of them
  dropped_frames INTEGER NOT NULL DEFAULT 0 CHECK (dropped_frames >= 0),  -- frames the recorder could not write
  unknown_records INTEGER NOT NULL DEFAULT 0 CHECK (unknown_records >= 0),  -- those of the rejected ones that are of an unknown kind
  unseen_from INTEGER CHECK (unseen_from >= 0),  -- first step of the frames that findings have not seen; NULL: none
  unseen_to INTEGER CHECK (unseen_to >= 0),      -- last step of them
  finished_at REAL,              -- when this process said its last word; NULL: not yet
  UNIQUE (attempt_id, rank),
  UNIQUE (run_id, attempt_id, rank)
) STRICT;

-- How far each file of a journal has been taken in. Rows and offset are committed together.
CREATE TABLE journal_segment (
  journal_id INTEGER NOT NULL REFERENCES journal (id),
  segment INTEGER NOT NULL CHECK (segment >= 0),  -- place among the journal's files, from 0
  offset INTEGER NOT NULL CHECK (offset >= 0),  -- bytes; all before is in the store
  damage TEXT,                   -- why nothing after the offset can be read; NULL: nothing wrong
  PRIMARY KEY (journal_id, segment)
) STRICT, WITHOUT ROWID;

-- The blocks of a run.
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id),
  ordinal INTEGER NOT NULL CHECK (ordinal >= 0),  -- place in the network, from 0
  name TEXT NOT NULL,            -- module path
  kind TEXT NOT NULL             -- residual: h = s(x) + F; plain: no shortcut, F := y - x; concat: dense block
    CHECK (kind IN ('residual', 'plain', 'concat')),
  shortcut TEXT NOT NULL         -- what is added to F; "y = x" can be asked only of identity (and plain)
    CHECK (shortcut IN ('identity', 'projection', 'none')),
  stage INTEGER NOT NULL CHECK (stage >= 0),  -- maximal run of blocks whose stream has one shape
  sample_axis TEXT NOT NULL CHECK (sample_axis IN ('row', 'token')),  -- what counts as one sample
  activation TEXT NOT NULL CHECK (activation IN ('identity', 'relu')),  -- the activation right after the add
  shape TEXT NOT NULL,  -- of the stream without its sample axis, as JSON; [] unknown
  parameters INTEGER CHECK (parameters >= 0),  -- trained parameters of the branch
  macs INTEGER CHECK (macs >= 0),              -- multiply-accumulates of the branch for one sample
  gate TEXT,                     -- module path of what scales the branch (LayerScale, ReZero)
  drop_probability REAL CHECK (drop_probability BETWEEN 0 AND 1),  -- configured stochastic depth
  UNIQUE (run_id, ordinal),
  UNIQUE (run_id, name)
) STRICT;

-- A measured step on one rank.
CREATE TABLE frame (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),  -- optimizer step; 0 is before any update
  loss REAL,                     -- training loss; NULL: not logged, or NaN
  loss_is_nan INTEGER NOT NULL CHECK (loss_is_nan IN (0, 1)),  -- tells the two apart
  learning_rate REAL,            -- of the first parameter group
  loss_scale REAL,               -- what gradients were scaled by (mixed precision)
  skipped INTEGER NOT NULL CHECK (skipped IN (0, 1)),  -- the scaler skipped this update
  wall_time REAL NOT NULL,       -- when the step ended
  recorder_seconds REAL NOT NULL CHECK (recorder_seconds >= 0),  -- what the recorder cost the loop since the frame before
  dropped_frames INTEGER NOT NULL CHECK (dropped_frames >= 0),   -- since the frame before
  PRIMARY KEY (run_id, attempt_id, rank, step),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;

-- A number the user logged (loss, accuracy and the like).
CREATE TABLE metric (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  key TEXT NOT NULL,             -- the user's name for it
  step INTEGER NOT NULL CHECK (step >= 0),
  value REAL,                    -- NULL: NaN was logged
  PRIMARY KEY (run_id, attempt_id, rank, key, step),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;

-- What was measured on one block at one step on one rank. Per sample: a = |x|^2, b = |F|^2,
-- q = |y - x|^2, g = the gradient of the loss with respect to x + F; y is taken after the activation
-- that follows the add. Percentiles are nearest rank over the step's samples on this rank.
CREATE TABLE block_statistics (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  block_id INTEGER NOT NULL REFERENCES block (id),
  samples INTEGER NOT NULL CHECK (samples >= 0),        -- samples that reached the block
  micro_batches INTEGER NOT NULL CHECK (micro_batches >= 0),  -- micro-batches pooled into the step
  dropped INTEGER NOT NULL CHECK (dropped >= 0),        -- samples whose branch stochastic depth dropped: in no statistic
  undefined INTEGER NOT NULL CHECK (undefined >= 0),    -- samples with x = 0: no gap
  non_finite INTEGER NOT NULL CHECK (non_finite >= 0),  -- samples with NaN or infinity: in no statistic
  -- identity_gap = sqrt(q/a) = |y - x| / |x|: the measure of identity. 0: the block does nothing.
  identity_gap_n INTEGER,
  identity_gap_p50 REAL,
  identity_gap_p90 REAL,
  identity_gap_p99 REAL,
  identity_gap_max REAL,
  identity_gap_log_n INTEGER,    -- samples with a gap above 0, over which the logarithms are taken
  identity_gap_log_mean REAL,    -- natural logarithm
  identity_gap_log_m2 REAL,
  identity_gap_histogram TEXT,   -- JSON {"slot": samples}, for json_each(); slot i from 0 to 95 is [2^(-20+i/4), 2^(-20+(i+1)/4)), 96 zero, 97 under, 98 over, 99 undefined, 100 non-finite
  -- residual_ratio = sqrt(b/a) = |F| / |x|: compare with step 0, it is about 1/sqrt(depth) at initialisation.
  residual_ratio_n INTEGER,
  residual_ratio_p50 REAL,
  residual_ratio_p90 REAL,
  residual_ratio_p99 REAL,
  residual_ratio_max REAL,
  residual_ratio_log_n INTEGER,
  residual_ratio_log_mean REAL,
  residual_ratio_log_m2 REAL,
  cosine_n INTEGER,              -- cosine of F and x: +1 only rescales x, -1 erases it; undefined for F = 0
  cosine_mean REAL,
  cosine_m2 REAL,
  perpendicular_ratio_n INTEGER, -- the part of y - x that turns x, over |x|
  perpendicular_ratio_mean REAL,
  perpendicular_ratio_m2 REAL,
  angular_distance_n INTEGER,    -- angle between x and y over pi, 0 to 1
  angular_distance_mean REAL,
  angular_distance_m2 REAL,
  block_influence_n INTEGER,     -- 1 - cos(x, y); blind to rescaling
  block_influence_mean REAL,
  block_influence_m2 REAL,
  stream_rms_n INTEGER,          -- elements
  stream_rms REAL,               -- root mean square of x
  branch_rms_n INTEGER,          -- elements
  branch_rms REAL,               -- root mean square of F
  output_grad_norm_n INTEGER,    -- |n g_i|: norm of the gradient of a sample's own loss, n samples in the micro-batch
  output_grad_norm_mean REAL,
  output_grad_norm_m2 REAL,
  branch_gain_n INTEGER,         -- |dl/dx - g| / |g|: weight of the gradient's path through F
  branch_gain_mean REAL,
  branch_gain_m2 REAL,
  taylor_importance_n INTEGER,   -- |<n g_i, F_i>|: orders the blocks of one run; its level is no cost
  taylor_importance_mean REAL,
  taylor_importance_m2 REAL,
  taylor_signed_mean REAL,       -- mean of <n g_i, F_i>
  gate_gradient REAL,            -- sum of gamma dgamma + beta dbeta of the last norm (or W dW + b db) = sum of <g, F>
  weight_norm REAL,              -- |theta| of the block's parameters
  gradient_norm REAL,            -- |dl/dtheta|, unscaled, after clipping
  update_ratio REAL,             -- |update of theta| / |theta|
  gate_rms REAL,                 -- root mean square of last-norm gamma, LayerScale or ReZero alpha
  constant_fraction_n INTEGER,   -- samples
  constant_fraction REAL,        -- 1 - Var(F)/E|F|^2: 1 when F is the same for every sample
  dead_fraction_n INTEGER,       -- samples
  dead_fraction REAL,            -- share of samples with F = 0
  absorbed_fraction_n INTEGER,   -- elements with F other than 0
  absorbed_fraction REAL,        -- share of those for which x + F rounds to x
  PRIMARY KEY (run_id, attempt_id, rank, step, block_id),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;

-- The past in spans of 64, 512, 4096, 32768 and 262144 steps, so that a report costs the same after a
-- million steps. Logarithms take a value of 0 as 2^-20.
CREATE TABLE block_rollup (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  block_id INTEGER NOT NULL REFERENCES block (id),
  span INTEGER NOT NULL CHECK (span IN (64, 512, 4096, 32768, 262144)),  -- steps
  start INTEGER NOT NULL CHECK (start >= 0),  -- first step of the span, a multiple of it
  identity_gap_n INTEGER NOT NULL,   -- records with a median gap
  identity_gap_log_sum REAL NOT NULL,
  identity_gap_min REAL,             -- of the median gap
  identity_gap_max REAL,
  residual_ratio_n INTEGER NOT NULL, -- records with a median ratio
  residual_ratio_log_sum REAL NOT NULL,
  residual_ratio_min REAL,
  residual_ratio_max REAL,
  PRIMARY KEY (run_id, attempt_id, rank, span, block_id, start),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;

-- A fixed probe set put through the network in eval mode, at one state of its parameters.
CREATE TABLE examination (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  uuid TEXT NOT NULL,            -- follows from run, step, probe set and parameters, 32 hexadecimal digits
  step INTEGER NOT NULL CHECK (step >= 0),  -- optimizer steps done before it
  samples INTEGER NOT NULL CHECK (samples >= 2),  -- rows of the probe set
  planned INTEGER NOT NULL CHECK (planned >= 1),  -- sets of blocks that it means to remove
  base_loss REAL NOT NULL,       -- mean loss of the network as it is
  base_error REAL CHECK (base_error BETWEEN 0 AND 1),  -- share of wrong predictions; NULL: cannot be counted
  confidence REAL NOT NULL,      -- of each bound of its ablations, one-sided
  UNIQUE (run_id, attempt_id, rank, uuid),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT;

-- Blocks really removed and the loss measured: F = 0, y = x for a plain block, no new maps for a dense one.
CREATE TABLE ablation (
  examination_id INTEGER NOT NULL REFERENCES examination (id),
  blocks TEXT NOT NULL,          -- ordinals of the blocks removed together, ascending, as JSON: '[3]', '[3,4]'
  block_id INTEGER REFERENCES block (id),  -- the block, where one was removed alone
  wall_time REAL NOT NULL,       -- when it was measured
  loss_change_n INTEGER NOT NULL,  -- samples that kept a finite loss
  loss_change REAL NOT NULL,     -- mean over them: loss without the blocks minus with them
  loss_change_m2 REAL NOT NULL,  -- sum of squared deviations from it
  non_finite INTEGER NOT NULL CHECK (non_finite >= 0),  -- samples whose loss became NaN or infinite
  loss_change_lower REAL,        -- paired bootstrap over samples; NULL where non_finite > 0
  loss_change_upper REAL,        -- its upper bound
  loss_change_even REAL,         -- over samples 0, 2, 4 …: two halves, for the noise ceiling
  loss_change_odd REAL,          -- over samples 1, 3, 5 …
  error_change REAL,             -- share of wrong predictions without the blocks minus with them
  error_change_lower REAL,       -- its bounds, as those of the loss
  error_change_upper REAL,       -- the upper one
  identity_gap_n INTEGER,        -- |y - x| / |x| of the block over the probe set in eval mode
  identity_gap_p50 REAL,
  identity_gap_p90 REAL,
  identity_gap_p99 REAL,
  identity_gap_max REAL,
  identity_gap_log_n INTEGER,
  identity_gap_log_mean REAL,
  identity_gap_log_m2 REAL,
  PRIMARY KEY (examination_id, blocks)
) STRICT, WITHOUT ROWID;

-- How alike a block and a later one are over a probe set, the network in eval mode. The span is the two and
-- all blocks between as one step, from the stream x before the first to y after the last: what the stream
-- would miss without them. Only blocks of one stage have a span, no projection or dense block among them.
CREATE TABLE similarity (
  examination_id INTEGER NOT NULL REFERENCES examination (id),
  block_id INTEGER NOT NULL REFERENCES block (id),
  later_block_id INTEGER NOT NULL REFERENCES block (id),  -- the block itself too: its own span
  angular_distance_n INTEGER,    -- of the span: the angle between x and y over pi; NULL: they have no span
  angular_distance_mean REAL,
  angular_distance_m2 REAL,
  span_gap REAL,                 -- geometric mean of |y - x| / |x|, a value of 0 taken as 2^-20; 0: all are
  span_gap_n INTEGER,            -- samples with one
  span_gap_log_n INTEGER,        -- samples with one above 0, over which the natural logarithms are taken
  span_gap_log_mean REAL,
  span_gap_log_m2 REAL,
  cka REAL CHECK (cka BETWEEN -1 AND 1),  -- linear CKA, unbiased, of what the two blocks return; 1: alike but for a rotation and a scale
  branch_cka REAL CHECK (branch_cka BETWEEN -1 AND 1),  -- the same of what their branches add
  PRIMARY KEY (examination_id, block_id, later_block_id)
) STRICT, WITHOUT ROWID;

-- What a dense block reads of the maps before it.
CREATE TABLE reuse (
  examination_id INTEGER NOT NULL REFERENCES examination (id),
  block_id INTEGER NOT NULL REFERENCES block (id),
  source INTEGER NOT NULL CHECK (source >= -1),  -- ordinal of the block that made the maps; -1: the input of the stage
  maps INTEGER NOT NULL CHECK (maps >= 1),  -- how many they are
  mean_weight REAL NOT NULL CHECK (mean_weight >= 0),  -- mean |w| of the block's first weights over them
  PRIMARY KEY (examination_id, block_id, source)
) STRICT, WITHOUT ROWID;

-- The orders in which an examination removes blocks: the first of an order together, for more and more of
-- them, are sets in ablation. An order goes as far as its places follow each other.
CREATE TABLE removal_order (
  examination_id INTEGER NOT NULL REFERENCES examination (id),
  -- greedy: next comes what most surely costs least, by the samples 0, 2, 4 … alone; deepest_first: the last block
  strategy TEXT NOT NULL CHECK (strategy IN ('greedy', 'deepest_first', 'random')),
  number INTEGER NOT NULL CHECK (number >= 0),  -- which of several orders of one strategy, from 0
  place INTEGER NOT NULL CHECK (place >= 0),  -- of the block in the order, from 0
  block_id INTEGER NOT NULL REFERENCES block (id),
  PRIMARY KEY (examination_id, strategy, number, place),
  UNIQUE (examination_id, strategy, number, block_id)
) STRICT, WITHOUT ROWID;

-- What the analysis says of each block now; written by whoever takes journals in.
CREATE TABLE verdict (
  block_id INTEGER PRIMARY KEY REFERENCES block (id),
  run_id INTEGER NOT NULL REFERENCES run (id),
  -- what is said; not_applicable: "y = x" cannot be asked of the block, undetermined: see missing
  verdict TEXT NOT NULL CHECK (verdict IN (
    'not_applicable', 'undetermined', 'strict_identity', 'near_identity', 'partial_identity',
    'constant', 'rescale_only', 'low_influence', 'active')),
  origin TEXT CHECK (origin IN ('at_birth', 'collapsed')),  -- with an identity verdict
  since_step INTEGER,            -- first record of the identity
  at_step INTEGER,               -- last step of the window it was judged by
  window_start INTEGER,          -- first step of that window
  records INTEGER NOT NULL,      -- records in it
  gap REAL,                      -- geometric mean of the median gap over it
  lower REAL,                    -- its lower confidence bound, one-sided
  upper REAL,                    -- its upper confidence bound, one-sided, drift included
  confidence REAL,               -- 1 - adjusted p over all blocks, with an identity verdict
  share REAL,                    -- of the window's samples with a gap surely below twice epsilon
  missing TEXT,                  -- what an undetermined verdict lacks, in words
  settings TEXT NOT NULL,        -- epsilon and the rest, as JSON
  constant_fraction REAL,        -- over the window: the share of F that is the same for every sample …
  constant_lower REAL,           -- … and its lower confidence bound; constant: above the settings' constant_fraction
  perpendicular_ratio REAL,      -- over the window: the part of the change that turns x, over |x| …
  perpendicular_upper REAL,      -- … and its upper confidence bound; rescale_only: below epsilon
  loss_change REAL,              -- measured: loss of the probe set without the block minus with it; NULL: never measured
  loss_change_lower REAL,        -- its bounds, as in ablation
  loss_change_upper REAL,        -- the upper one
  confirmation TEXT CHECK (confirmation IN ('confirmed', 'contradicted', 'open'))  -- what that makes of a verdict that predicts the block does nothing: its upper bound is below the tolerance, its lower bound above it, or neither
) STRICT, WITHOUT ROWID;

CREATE INDEX verdict_by_run ON verdict (run_id, verdict);

-- A block over 20 measured steps in a row, attempts and ranks merged: what changes of a verdict follow
-- from. Windows follow each other without overlap from the run's first step on; each is judged once all
-- ranks have passed it, and judged anew if something comes later that belongs into it.
CREATE TABLE block_window (
  run_id INTEGER NOT NULL REFERENCES run (id),
  last_step INTEGER NOT NULL CHECK (last_step >= 0),    -- last measured step of the window
  block_id INTEGER NOT NULL REFERENCES block (id),
  first_step INTEGER NOT NULL CHECK (first_step >= 0),  -- first measured step of the window
  records INTEGER NOT NULL CHECK (records >= 0),  -- records with a median gap in it
  gap REAL,                      -- geometric mean of the median gap over it; NULL: the window decides nothing
  upper REAL,                    -- its upper confidence bound, one-sided; NULL where the gap itself reaches twice epsilon
  identity INTEGER NOT NULL CHECK (identity IN (0, 1)),  -- whether the block counts as an identity by the end of it
  streak INTEGER NOT NULL CHECK (streak >= 0),    -- windows in a row, this one the last, that speak for a change; the third makes it
  streak_start INTEGER CHECK (streak_start >= 0), -- first step of the first of them; NULL: none
  PRIMARY KEY (run_id, last_step, block_id)
) STRICT, WITHOUT ROWID;

-- What was noticed of a run while it was taken in. A row is kept up to date and goes when what it says
-- no longer holds. `report` says more: it also looks at what needs no keeping.
CREATE TABLE finding (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id),
  -- verdict_changed: a block became an identity, or no longer is one; several rows a block, one for each change
  -- non_finite_samples: a block had NaN or infinite samples; silent_blocks: a block of the map sent no record
  -- dropped_frames: recorders could not write all frames; newer_recorder: records of a kind that this version does not know
  kind TEXT NOT NULL CHECK (kind IN (
    'verdict_changed', 'non_finite_samples', 'silent_blocks', 'dropped_frames', 'newer_recorder')),
  block_id INTEGER REFERENCES block (id),
  identity INTEGER CHECK (identity IN (0, 1)),  -- with verdict_changed: 1 it became an identity, 0 it no longer is one
  first_step INTEGER,            -- first measured step that it holds of; NULL: it is tied to none
  noticed_step INTEGER,          -- measured step that showed it: for verdict_changed the end of the third window
  noticed_at REAL,               -- when that step ended
  count INTEGER CHECK (count >= 0)  -- of dropped frames, or of unknown records
) STRICT;

CREATE UNIQUE INDEX finding_once ON finding (run_id, kind, coalesce(block_id, 0), coalesce(first_step, -1));

-- The measured steps of every run, attempts and ranks merged: the newest attempt wins from its first
-- step on; the loss is the mean over the ranks that logged one.
CREATE VIEW run_step AS
SELECT
  f.run_id,
  f.step,
  f.attempt_id,
  count(*) AS ranks,             -- processes that sent this step
  avg(f.loss) AS loss,
  max(f.loss_is_nan) AS loss_is_nan,  -- on any rank
  max(f.learning_rate) AS learning_rate,
  max(f.loss_scale) AS loss_scale,
  max(f.skipped) AS skipped,
  max(f.wall_time) AS wall_time,
  max(f.recorder_seconds) AS recorder_seconds,  -- of the slowest rank
  sum(f.dropped_frames) AS dropped_frames
FROM attempt AS a
CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: in this order the key of frame is used whole
CROSS JOIN frame AS f ON f.run_id = a.run_id AND f.attempt_id = a.id AND f.rank = j.rank
WHERE +f.step >= a.first_step AND (a.superseded_from IS NULL OR +f.step < a.superseded_from)
GROUP BY f.run_id, f.step;

-- One row per run, step and block: attempts merged (the newest wins), ranks merged. Sampled statistics
-- are n-weighted means; what every rank holds a copy of (weights, their gradients) is rank 0's.
-- percentiles_approximate = 1: several ranks sent this step, and the percentiles and rms are n-weighted
-- means of theirs; with one rank they are exact. max and the counters are always exact.
CREATE VIEW block_step AS
SELECT
  s.run_id,
  s.step,
  s.block_id,
  b.ordinal,
  b.name,
  s.attempt_id,
  count(*) AS ranks,
  count(*) > 1 AS percentiles_approximate,
  sum(s.samples) AS samples,
  sum(s.dropped) AS dropped,
  sum(s.undefined) AS undefined,
  sum(s.non_finite) AS non_finite,
  sum(s.identity_gap_n) AS identity_gap_n,
  sum(s.identity_gap_p50 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p50,
  sum(s.identity_gap_p90 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p90,
  sum(s.identity_gap_p99 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p99,
  max(s.identity_gap_max) AS identity_gap_max,
  sum(s.identity_gap_log_mean * s.identity_gap_log_n) / sum(s.identity_gap_log_n) AS identity_gap_log_mean,
  sum(s.residual_ratio_n) AS residual_ratio_n,
  sum(s.residual_ratio_p50 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p50,
  sum(s.residual_ratio_p90 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p90,
  sum(s.residual_ratio_p99 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p99,
  max(s.residual_ratio_max) AS residual_ratio_max,
  sum(s.residual_ratio_log_mean * s.residual_ratio_log_n) / sum(s.residual_ratio_log_n) AS residual_ratio_log_mean,
  sum(s.cosine_mean * s.cosine_n) / sum(s.cosine_n) AS cosine_mean,
  sum(s.perpendicular_ratio_mean * s.perpendicular_ratio_n) / sum(s.perpendicular_ratio_n) AS perpendicular_ratio_mean,
  sum(s.angular_distance_mean * s.angular_distance_n) / sum(s.angular_distance_n) AS angular_distance_mean,
  sum(s.block_influence_mean * s.block_influence_n) / sum(s.block_influence_n) AS block_influence_mean,
  sum(s.stream_rms * s.stream_rms_n) / sum(s.stream_rms_n) AS stream_rms,
  sum(s.branch_rms * s.branch_rms_n) / sum(s.branch_rms_n) AS branch_rms,
  sum(s.output_grad_norm_mean * s.output_grad_norm_n) / sum(s.output_grad_norm_n) AS output_grad_norm_mean,
  sum(s.branch_gain_mean * s.branch_gain_n) / sum(s.branch_gain_n) AS branch_gain_mean,
  sum(s.taylor_importance_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_importance_mean,
  sum(s.taylor_signed_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_signed_mean,
  max(s.gate_gradient) FILTER (WHERE s.rank = 0) AS gate_gradient,
  max(s.weight_norm) FILTER (WHERE s.rank = 0) AS weight_norm,
  max(s.gradient_norm) FILTER (WHERE s.rank = 0) AS gradient_norm,
  max(s.update_ratio) FILTER (WHERE s.rank = 0) AS update_ratio,
  max(s.gate_rms) FILTER (WHERE s.rank = 0) AS gate_rms,
  sum(s.constant_fraction * s.constant_fraction_n) / sum(s.constant_fraction_n) AS constant_fraction,
  sum(s.dead_fraction * s.dead_fraction_n) / sum(s.dead_fraction_n) AS dead_fraction,
  sum(s.absorbed_fraction * s.absorbed_fraction_n) / sum(s.absorbed_fraction_n) AS absorbed_fraction
FROM attempt AS a
CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: as in run_step
CROSS JOIN block_statistics AS s
  ON s.run_id = a.run_id AND s.attempt_id = a.id AND s.rank = j.rank
CROSS JOIN block AS b ON b.id = s.block_id
WHERE +s.step >= a.first_step AND (a.superseded_from IS NULL OR +s.step < a.superseded_from)
GROUP BY s.run_id, s.step, s.block_id;

-- What each block did at the last measured step of its run, with the verdict on it.
CREATE VIEW block_latest AS
SELECT
  r.id AS run_id,
  s.step,
  s.block_id,
  b.ordinal,
  b.name,
  b.kind,
  b.shortcut,
  b.stage,
  b.parameters,
  b.macs,
  sum(s.samples) AS samples,
  count(*) > 1 AS percentiles_approximate,  -- as in block_step
  sum(s.identity_gap_p50 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p50,
  sum(s.identity_gap_p90 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p90,
  max(s.identity_gap_max) AS identity_gap_max,
  sum(s.residual_ratio_p50 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p50,
  sum(s.cosine_mean * s.cosine_n) / sum(s.cosine_n) AS cosine_mean,
  sum(s.taylor_importance_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_importance_mean,
  sum(s.output_grad_norm_mean * s.output_grad_norm_n) / sum(s.output_grad_norm_n) AS output_grad_norm_mean,
  max(s.weight_norm) FILTER (WHERE s.rank = 0) AS weight_norm,
  max(s.gradient_norm) FILTER (WHERE s.rank = 0) AS gradient_norm,
  max(s.gate_rms) FILTER (WHERE s.rank = 0) AS gate_rms,
  v.verdict,                     -- NULL until an analysis has run
  v.origin,
  v.since_step,
  v.gap AS verdict_gap,          -- over the verdict's window, with its bounds
  v.lower AS verdict_lower,
  v.upper AS verdict_upper,
  v.confidence,
  v.missing,
  v.confirmation,                -- what the ablation makes of the verdict; NULL: not measured, or nothing to confirm
  v.loss_change                  -- what removing the block did to the loss of the probe set
FROM run AS r
CROSS JOIN attempt AS a ON a.run_id = r.id
CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: as in run_step
CROSS JOIN block_statistics AS s
  ON s.run_id = r.id AND s.attempt_id = a.id AND s.rank = j.rank
  AND s.step = (
    SELECT max(f.step)
    FROM attempt AS e
    CROSS JOIN frame AS f ON f.run_id = e.run_id AND f.attempt_id = e.id
    WHERE e.run_id = r.id AND f.step >= e.first_step
      AND (e.superseded_from IS NULL OR f.step < e.superseded_from))
CROSS JOIN block AS b ON b.id = s.block_id
LEFT JOIN verdict AS v ON v.block_id = b.id
WHERE +s.step >= a.first_step AND (a.superseded_from IS NULL OR +s.step < a.superseded_from)
GROUP BY r.id, s.block_id;

-- A screen, not a verdict: blocks whose median gap lay below 0.05 at the last measured step. A single
-- step proves nothing; the column verdict says what the analysis makes of the window.
CREATE VIEW low_gap AS
SELECT run_id, step, block_id, ordinal, name, identity_gap_p50, identity_gap_p90, verdict
FROM block_latest
WHERE identity_gap_p50 < 0.05;

-- The examination that speaks for a run: of those that removed at least half as many blocks one at a time as
-- the fullest, the newest. A later attempt takes out of force what was examined after its first step.
CREATE VIEW run_examination AS
SELECT
  r.id AS run_id,
  x.id AS examination_id,
  x.step,                        -- optimizer steps done before it
  x.samples,
  x.planned,
  -- that it removed one at a time
  (SELECT count(*) FROM ablation AS a WHERE a.examination_id = x.id AND a.block_id IS NOT NULL) AS blocks,
  x.base_loss,
  x.base_error,
  x.confidence,
  -- what removing blocks may cost by default: 2 % of the loss, where errors are counted at least 0.01
  max(0.02 * abs(x.base_loss), iif(x.base_error IS NULL, 0.0, 0.01)) AS tolerance
FROM run AS r
CROSS JOIN examination AS x ON x.id = (
  SELECT id
  FROM (
    SELECT id, step, blocks, max(blocks) OVER () AS most
    FROM (
      SELECT
        y.id, y.step,
        (SELECT count(*) FROM ablation AS a WHERE a.examination_id = y.id AND a.block_id IS NOT NULL) AS blocks
      FROM examination AS y
      JOIN attempt AS t ON t.id = y.attempt_id
      WHERE y.run_id = r.id AND (t.superseded_from IS NULL OR y.step <= t.superseded_from)))
  ORDER BY 2 * blocks >= most DESC, step DESC, blocks DESC, id DESC LIMIT 1);

-- What removing each block by itself did to the loss, by the examination that speaks for the run.
CREATE VIEW block_ablation AS
SELECT
  e.run_id,
  e.step,                        -- optimizer steps done before it
  a.block_id,
  b.ordinal,
  b.name,
  e.samples,
  e.base_loss,
  e.base_error,
  e.confidence,                  -- of each bound, one-sided
  a.loss_change,
  a.loss_change_lower,
  a.loss_change_upper,
  a.error_change,
  a.error_change_lower,
  a.error_change_upper,
  a.non_finite,
  a.identity_gap_p50,            -- in eval mode
  a.identity_gap_p90,
  v.verdict,
  v.confirmation
FROM run_examination AS e
JOIN ablation AS a ON a.examination_id = e.examination_id
JOIN block AS b ON b.id = a.block_id
LEFT JOIN verdict AS v ON v.block_id = b.id;

-- What each block adds to the depth: scores over the last 60 measured steps that the verdicts look at, and of
-- each score the block's share of the sum over the run. 1 / sum(share * share) over the blocks is how many of
-- them do the work (participation depth). Of several ranks each record counts alike.
CREATE VIEW depth_profile AS
SELECT
  p.run_id,
  p.block_id,
  p.ordinal,
  p.name,
  p.kind,
  p.stage,
  p.records,                     -- of these steps, that have a record of the block
  p.identity_gap_squared,        -- mean of the squared median gap
  p.identity_gap_squared / sum(p.identity_gap_squared) OVER (PARTITION BY p.run_id) AS identity_gap_squared_share,
  p.block_influence,             -- mean of 1 - cos(x, y); below 1e-12, which is rounding, 0
  p.block_influence / sum(p.block_influence) OVER (PARTITION BY p.run_id) AS block_influence_share,
  p.taylor_importance,           -- mean of |<n g, F>|
  p.taylor_importance / sum(p.taylor_importance) OVER (PARTITION BY p.run_id) AS taylor_importance_share,
  a.loss_change,                 -- what removing the block alone did to the loss, as in block_ablation; NULL: not measured, or not finite
  max(a.loss_change, 0) / sum(max(a.loss_change, 0)) OVER (PARTITION BY p.run_id) AS loss_change_share,  -- a change below 0 counts 0
  p.branch_gain,                 -- mean of |dl/dx - g| / |g|: w, the weight of the gradient's path through the branch
  iif(p.kind = 'residual', p.branch_gain / (1 + p.branch_gain), NULL) AS path_share,  -- w / (1 + w): the sum over the blocks is the mean path length
  p.parameters,
  p.macs
FROM (
  SELECT
    r.id AS run_id, b.id AS block_id, b.ordinal, b.name, b.kind, b.stage, b.parameters, b.macs,
    max(x.id) AS examination_id,
    count(DISTINCT s.step) AS records,
    avg(s.identity_gap_p50 * s.identity_gap_p50) AS identity_gap_squared,
    iif(avg(s.block_influence_mean) < 1e-12, 0.0, avg(s.block_influence_mean)) AS block_influence,
    avg(s.taylor_importance_mean) AS taylor_importance,
    avg(s.branch_gain_mean) AS branch_gain
  FROM run AS r
  LEFT JOIN examination AS x ON x.id = (SELECT e.examination_id FROM run_examination AS e WHERE e.run_id = r.id)
  CROSS JOIN attempt AS a ON a.run_id = r.id
  CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: as in run_step
  CROSS JOIN frame AS f
    ON f.run_id = r.id AND f.attempt_id = a.id AND f.rank = j.rank
    AND f.step >= (
      SELECT min(step)
      FROM (
        SELECT DISTINCT g.step
        FROM attempt AS t
        CROSS JOIN journal AS k ON k.attempt_id = t.id
        CROSS JOIN frame AS g ON g.run_id = t.run_id AND g.attempt_id = t.id AND g.rank = k.rank
          AND g.step >= (SELECT coalesce(min(v.window_start), 0) FROM verdict AS v WHERE v.run_id = r.id)
        WHERE t.run_id = r.id
          AND +g.step >= t.first_step AND (t.superseded_from IS NULL OR +g.step < t.superseded_from)
        ORDER BY g.step DESC LIMIT 60))
  CROSS JOIN block AS b ON b.run_id = r.id
  LEFT JOIN block_statistics AS s
    ON s.run_id = r.id AND s.attempt_id = a.id AND s.rank = j.rank AND s.step = f.step AND s.block_id = b.id
  WHERE +f.step >= a.first_step AND (a.superseded_from IS NULL OR +f.step < a.superseded_from)
  GROUP BY r.id, b.id) AS p
LEFT JOIN ablation AS a
  ON a.examination_id = p.examination_id AND a.blocks = '[' || p.ordinal || ']' AND a.non_finite = 0;

-- Consecutive blocks of one stage taken as one step, by the examination that speaks for the run: how far the
-- stream goes from before the first to after the last, and what removing just these together did.
CREATE VIEW span AS
SELECT
  e.run_id,
  e.step,                        -- optimizer steps done before the examination
  f.stage,
  f.ordinal AS start,            -- ordinal of the first block
  l.ordinal - f.ordinal + 1 AS length,  -- blocks
  f.name AS first_name,
  l.name AS last_name,
  s.angular_distance_mean AS angular_distance,  -- mean angle between x before and y after, over pi
  s.span_gap,
  s.cka,                         -- of what the first and the last block return
  CASE WHEN a.non_finite = 0 THEN a.loss_change END AS loss_change,  -- as in removal_curve; NULL: not removed, or a loss not finite
  a.loss_change_lower,
  a.loss_change_upper,
  a.error_change,
  a.error_change_lower,
  a.error_change_upper,
  a.non_finite
FROM run_examination AS e
CROSS JOIN similarity AS s ON s.examination_id = e.examination_id
CROSS JOIN block AS f ON f.id = s.block_id
CROSS JOIN block AS l ON l.id = s.later_block_id
LEFT JOIN ablation AS a ON a.examination_id = e.examination_id AND a.blocks = (
  SELECT '[' || group_concat(ordinal) || ']'
  FROM (
    SELECT b.ordinal FROM block AS b
    WHERE b.run_id = e.run_id AND b.ordinal BETWEEN f.ordinal AND l.ordinal ORDER BY b.ordinal))
WHERE s.angular_distance_n > 0 OR s.span_gap_n > 0;

-- What dropping more and more blocks did, in each order of the examination that speaks for the run: a row a
-- place, of the block there and all before it removed together.
CREATE VIEW removal_curve AS
SELECT
  e.run_id,
  e.step,                        -- optimizer steps done before the examination
  o.strategy,
  o.number,
  o.place,
  o.block_id,
  b.ordinal,
  b.name,
  CASE WHEN a.non_finite = 0 THEN a.loss_change END AS loss_change,  -- of the loss without these blocks; NULL: not removed, or a loss not finite
  a.loss_change_lower,
  a.loss_change_upper,
  -- upper bound by the samples 1, 3, 5 … alone: greedy chooses by the others, whose loss is too low then
  a.loss_change_odd + 1.4142135623730951 * (a.loss_change_upper - a.loss_change) AS held_out_upper,
  a.error_change,
  a.error_change_lower,
  a.error_change_upper,
  a.non_finite
FROM run_examination AS e
CROSS JOIN removal_order AS o ON o.examination_id = e.examination_id
CROSS JOIN block AS b ON b.id = o.block_id
LEFT JOIN ablation AS a ON a.examination_id = e.examination_id AND a.blocks = (
  SELECT '[' || group_concat(ordinal) || ']'
  FROM (
    SELECT c.ordinal
    FROM removal_order AS p
    CROSS JOIN block AS c ON c.id = p.block_id
    WHERE p.examination_id = o.examination_id AND p.strategy = o.strategy AND p.number = o.number
      AND p.place <= o.place
    ORDER BY c.ordinal))
WHERE o.place = (
  SELECT count(*) FROM removal_order AS p
  WHERE p.examination_id = o.examination_id AND p.strategy = o.strategy AND p.number = o.number
    AND p.place < o.place);

-- The blocks that could go together at the default tolerance, as `plan` proposes them. measured: the longest
-- beginning of the greedy order such that it and every shorter one was removed, has finite losses, a
-- held_out_upper within the tolerance and no error that surely rises by more than 0.01. Where no greedy order
-- was measured, or its examination does not enter verdicts, verdicts: the blocks that are an identity by
-- theirs and that no ablation contradicts, least Taylor importance first. No rows: no block may go.
CREATE VIEW candidate AS
SELECT
  c.run_id,
  c.place,                       -- in the order of removal, from 0
  c.block_id,
  c.ordinal,
  c.name,
  c.stage,
  c.parameters,
  c.macs,
  c.basis,                       -- what the choice rests on: measured or verdicts
  -- 1: removing all of them together was shown to stay within the tolerance
  c.basis = 'measured'
    OR ifnull(a.loss_change_upper <= c.tolerance AND ifnull(a.error_change_lower, 0) <= 0.01, 0) AS confirmed,
  c.tolerance,                   -- the most that all of them may cost
  -- What follows is of all of them, the same on each row; NULL: not measured.
  c.sum_of_singles,              -- sum of what removing each alone did to the loss
  iif(a.non_finite = 0, a.loss_change, NULL) AS loss_change,  -- what removing them together did
  a.loss_change_lower,
  a.loss_change_upper,
  -- as in removal_curve; NULL without a greedy order
  iif(c.basis = 'measured', a.loss_change_odd + 1.4142135623730951 * (a.loss_change_upper - a.loss_change), NULL)
    AS held_out_upper,
  a.error_change,
  a.error_change_lower,
  a.error_change_upper
FROM (
  SELECT
    u.*, b.ordinal, b.name, b.stage, b.parameters, b.macs,
    '[' || group_concat(b.ordinal) OVER (
      PARTITION BY u.run_id ORDER BY b.ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) || ']' AS blocks,
    iif(
      count(s.loss_change) OVER (PARTITION BY u.run_id) = count(*) OVER (PARTITION BY u.run_id),
      sum(s.loss_change) OVER (PARTITION BY u.run_id), NULL) AS sum_of_singles
  FROM (
    SELECT run_id, examination_id, tolerance, 'measured' AS basis, place, block_id
    FROM (
      SELECT
        k.run_id, e.examination_id, e.tolerance, k.place, k.block_id,
        -- Of the sets up to this one, how many were not shown to stay within the tolerance.
        sum(ifnull(
          k.non_finite > 0 OR k.held_out_upper > e.tolerance OR ifnull(k.error_change_lower, 0) > 0.01, 1))
          OVER (PARTITION BY k.run_id ORDER BY k.place) AS failed
      FROM removal_curve AS k
      CROSS JOIN run_examination AS e ON e.run_id = k.run_id
      WHERE k.strategy = 'greedy' AND k.number = 0
        AND EXISTS (SELECT 1 FROM verdict AS v WHERE v.run_id = k.run_id AND v.loss_change IS NOT NULL))
    WHERE failed = 0
    UNION ALL
    SELECT
      run_id, iif(counts, examination_id, NULL), iif(counts, tolerance, NULL), 'verdicts', place, block_id
    FROM (
      SELECT
        d.run_id, d.block_id,
        row_number() OVER (
          PARTITION BY d.run_id ORDER BY d.taylor_importance IS NULL, d.taylor_importance, d.ordinal) - 1 AS place,
        EXISTS (SELECT 1 FROM verdict AS w WHERE w.run_id = d.run_id AND w.loss_change IS NOT NULL) AS counts,
        EXISTS (
          SELECT 1 FROM removal_curve AS k
          WHERE k.run_id = d.run_id AND k.strategy = 'greedy' AND k.number = 0 AND k.place = 0 AND k.non_finite IS NOT NULL
        ) AS has_curve,
        (SELECT e.examination_id FROM run_examination AS e WHERE e.run_id = d.run_id) AS examination_id,
        (SELECT e.tolerance FROM run_examination AS e WHERE e.run_id = d.run_id) AS tolerance
      FROM depth_profile AS d
      CROSS JOIN verdict AS v ON v.block_id = d.block_id
      WHERE v.verdict IN ('strict_identity', 'near_identity') AND v.confirmation IS NOT 'contradicted')
    WHERE NOT (counts AND has_curve)) AS u
  CROSS JOIN block AS b ON b.id = u.block_id
  LEFT JOIN ablation AS s
    ON s.examination_id = u.examination_id AND s.blocks = '[' || b.ordinal || ']' AND s.non_finite = 0) AS c
LEFT JOIN ablation AS a ON a.examination_id = c.examination_id AND a.blocks = c.blocks;

-- What the user logged, attempts merged: the newest wins from its first step on.
CREATE VIEW metric_step AS
SELECT m.run_id, m.step, m.rank, m.key, m.value, m.attempt_id
FROM attempt AS a
CROSS JOIN metric AS m ON m.run_id = a.run_id AND m.attempt_id = a.id
WHERE m.step >= a.first_step AND (a.superseded_from IS NULL OR m.step < a.superseded_from);

-- One row per run: how far it is and what was found.
CREATE VIEW run_summary AS
SELECT
  r.id AS run_id,
  r.name,
  r.project,
  r.status,
  datetime(r.started_at, 'unixepoch') AS started,   -- UTC
  datetime(r.last_seen_at, 'unixepoch') AS last_seen,
  (SELECT count(*) FROM attempt AS a WHERE a.run_id = r.id) AS attempts,
  (SELECT count(*) FROM block AS b WHERE b.run_id = r.id) AS blocks,
  (SELECT count(*) FROM run_step AS s WHERE s.run_id = r.id) AS frames,
  (SELECT max(s.step) FROM run_step AS s WHERE s.run_id = r.id) AS last_step,
  (SELECT s.loss FROM run_step AS s WHERE s.run_id = r.id AND s.loss IS NOT NULL
    ORDER BY s.step DESC LIMIT 1) AS loss,           -- the last one logged
  (SELECT count(*) FROM verdict AS v WHERE v.run_id = r.id
    AND v.verdict IN ('strict_identity', 'near_identity')) AS identity_blocks,
  (SELECT sum(j.dropped_frames) FROM journal AS j WHERE j.run_id = r.id) AS dropped_frames,
  (SELECT sum(j.rejected_records) FROM journal AS j WHERE j.run_id = r.id) AS rejected_records
FROM run AS r;

-- What was noticed of each run while it was taken in, with the names of the blocks.
CREATE VIEW run_finding AS
SELECT
  f.run_id,
  f.kind,
  f.block_id,
  b.ordinal,
  b.name,                        -- NULL where it is no single block's
  f.identity,
  f.first_step,
  f.noticed_step,
  f.noticed_at,
  f.count
FROM finding AS f
LEFT JOIN block AS b ON b.id = f.block_id;
