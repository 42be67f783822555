import { emit } from '../state/events.ts';
import type { SubscriptionSchedule } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addDays } from './period.ts';
import { beginSchedule, enterPhase, finishSchedule } from './schedule.ts';

interface Due {
  at: number;
  run: () => void;
}

const noticeDays = 7;

/** Returns a schedule's due work: its start, phase transitions, `expiring` event and end. */
export function scheduleDue(world: World, schedule: SubscriptionSchedule): Due[] {
  const { current_phase: current, phases, status } = schedule;
  const [first] = phases;
  const last = phases.at(-1);
  if (status === 'not_started' && first !== undefined) {
    return [
      {
        at: first.start_date,
        run: () => {
          beginSchedule(world, schedule);
        },
      },
    ];
  }
  if (status !== 'active' || current === null || last === undefined) {
    return [];
  }
  const next = phases.find((phase) => phase.start_date >= current.end_date);
  const transition: Due = {
    at: next?.start_date ?? current.end_date,
    run: () => {
      if (next === undefined) {
        finishSchedule(world, schedule);
      } else {
        enterPhase(world, schedule, next);
      }
    },
  };
  return [...noticeDue(world, schedule, last.end_date), transition];
}

/**
 * Sends `subscription_schedule.expiring` once, seven days before the end, unless the schedule was created
 * after that time.
 */
function noticeDue(world: World, schedule: SubscriptionSchedule, endsAt: number): Due[] {
  const at = addDays(endsAt, -noticeDays);
  if (at < schedule.created || world.tables.scheduleNotices.get(schedule.id)?.endsAt === endsAt) {
    return [];
  }
  return [
    {
      at,
      run: () => {
        world.tables.scheduleNotices.set(schedule.id, {
          id: schedule.id,
          object: 'sandbox.schedule_notice',
          endsAt,
        });
        emit(world, 'subscription_schedule.expiring', schedule);
      },
    },
  ];
}
