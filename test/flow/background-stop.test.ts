import { expect, it, onTestFinished, vi } from 'vitest';
import { startBackground } from '../../src/background.ts';
import { startTestService } from '../helpers/service.ts';

it('the background stops while other instances publish changes without a pause', async () => {
  const service = await startTestService();
  onTestFinished(() => service.close());
  const { feed } = service.deps;
  // As the announcements of other instances do.
  const announcing = setInterval(() => {
    feed.wake();
  }, 1);
  onTestFinished(() => {
    clearInterval(announcing);
  });
  const look = vi.spyOn(feed, 'look');
  const background = startBackground(service.deps);
  await vi.waitFor(() => {
    expect(look).toHaveBeenCalled();
  });
  await background.stop();
  expect(look.mock.settledResults[0]?.type).toBe('fulfilled');
});
