import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Server } from './load.ts';
import { residentMemoryMb } from './memory.ts';
import { type PushRow, toRow } from './push-rows.ts';
import {
  grantMany,
  openWorld,
  post,
  type PushLoad,
  reached,
  type World,
  write,
} from './push-world.ts';

/** Time between the creation of boundaries and the first of them, milliseconds. */
const boundariesAheadMs = 60_000;

/** Measures how soon apps hear of changes: by streams, at boundaries, and by webhooks. */
export async function measurePush(service: Server, load: PushLoad): Promise<PushRow[]> {
  const world = await openWorld(service, load);
  try {
    const rows: PushRow[] = [];
    for (const measureOne of [measureStreams, measureBoundaries, measureBurst, measureWebhooks]) {
      rows.push(await measureOne(world));
    }
    return rows;
  } finally {
    world.close();
  }
}

/**
 * Holds the streams and the changes for ten minutes, with slow readers among them; returns whether the
 * service's memory stayed within bounds.
 */
export async function watchPushMemory(
  service: Server,
  load: PushLoad,
  maxGrowth: number,
): Promise<boolean> {
  const world = await openWorld(service, load);
  try {
    for (const [nth, reader] of world.readers.entries()) if (nth % 20 === 0) reader.pause();
    const residentMb: number[] = [];
    for (let minute = 1; minute <= 10; minute += 1) {
      const { changes, refused } = await write({ ...world, load: { ...load, seconds: 60 } });
      residentMb.push(await residentMemoryMb(service));
      console.log(
        `minute ${String(minute).padStart(2)}: ${residentMb.at(-1)?.toFixed(0)} MB, ` +
          `${changes} changes, ${refused} writes refused`,
      );
    }
    const growth = (residentMb.at(-1) ?? NaN) / (residentMb[1] ?? NaN);
    console.log(`after 10 minutes beside after 2: ${growth.toFixed(2)} (<= ${maxGrowth})`);
    return growth <= maxGrowth;
  } finally {
    world.close();
  }
}

/** Writes the load. Throws if the service refused a part of it: the figures would flatter it. */
async function writeAll(world: World): Promise<{ changes: number }> {
  const written = await write(world);
  if (written.refused > 0) throw new Error(`the service refused ${written.refused} writes`);
  return written;
}

async function measureStreams(world: World): Promise<PushRow> {
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  world.heard.onChange = ({ recordedAt, arrivedAt }) => {
    received += 1;
    delays.record(Math.max(1, arrivedAt - recordedAt));
  };
  const { changes } = await writeAll(world);
  const { streams, projects } = world.load;
  await reached(() => received >= (changes * streams) / projects, 30_000);
  return toRow(
    `commit -> byte at a stream's client (${streams} streams, ${world.load.changesPerSecond} changes/s)`,
    delays,
    250,
  );
}

/** Few boundaries a second: each is told within a second. */
function measureBoundaries(world: World): Promise<PushRow> {
  const plan = { count: 200, aheadMs: boundariesAheadMs / 4, overMs: 10_000 };
  return measureEnds(world, plan, (delays) =>
    toRow('boundary -> client (20 boundaries/s)', delays, 1_000),
  );
}

/** Many boundaries within one second: the last is told within ten. */
function measureBurst(world: World): Promise<PushRow> {
  const { boundaries: count } = world.load;
  const plan = { count, aheadMs: boundariesAheadMs, overMs: 1_000 };
  return measureEnds(world, plan, (delays) =>
    toRow(`boundary -> client (${count} boundaries within one second)`, delays, 10_000, 'max'),
  );
}

async function measureEnds(
  { projects, load, service, heard }: World,
  plan: { count: number; aheadMs: number; overMs: number },
  toResult: (delays: RecordableHistogram) => PushRow,
): Promise<PushRow> {
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  heard.onChange = ({ isBoundary, at, arrivedAt }) => {
    if (!isBoundary) return;
    received += 1;
    delays.record(Math.max(1, arrivedAt - at));
  };
  await grantMany(service, projects, plan.count, Date.now() + plan.aheadMs, plan.overMs);
  await reached(() => received >= (plan.count * load.streams) / load.projects, 180_000);
  return toResult(delays);
}

async function measureWebhooks(world: World): Promise<PushRow> {
  const [project] = world.projects;
  if (project === undefined) throw new Error('the bench has no project');
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  const seen = new Set<string>();
  const receiver = await startReceiver((path, id, body) => {
    if (path.endsWith('hanging') || seen.has(id)) return;
    seen.add(id);
    received += 1;
    const recordedAt = /"recorded_at":"([^"]+)"/.exec(body)?.[1] ?? '';
    delays.record(Math.max(1, Date.now() - Date.parse(recordedAt)));
  });
  try {
    const { endpoints } = world.load;
    for (let nth = 1; nth <= endpoints; nth += 1) {
      const path = nth === endpoints ? '/hanging' : `/${nth}`;
      await post(world.service, '/admin/webhook-endpoints', {
        project_id: project.id,
        url: `${receiver.url}${path}`,
      });
    }
    world.heard.onChange = () => undefined;
    const changesPerSecond = 10;
    const { changes } = await writeAll({
      ...world,
      projects: [project],
      load: { ...world.load, changesPerSecond },
    });
    await reached(() => received >= changes * (endpoints - 1), 60_000);
    return toRow(
      `commit -> first webhook attempt (${endpoints} endpoints, one hanging, ${changesPerSecond} changes/s)`,
      delays,
      1_000,
    );
  } finally {
    receiver.server.closeAllConnections();
    receiver.server.close();
  }
}

/** Starts a receiver of webhooks; it answers at once, but never on a path that ends in `hanging`. */
async function startReceiver(
  onMessage: (path: string, id: string, body: string) => void,
): Promise<{ url: string; server: HttpServer }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      onMessage(path, String(request.headers['webhook-id']), body);
      if (!path.endsWith('hanging')) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
