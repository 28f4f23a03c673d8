import { GITHUB_EVENTS } from '../../demo-contract/src/index.js';
import { drawPlan, type Plan, type PlannedPost } from './plan.js';

const deliveriesOf = ({ posts }: Plan): PlannedPost[] => posts.filter(({ kind }) => kind === 'delivery');
const ids = (posts: readonly PlannedPost[]): string[] => posts.map(({ delivery }) => delivery.id);

/** Bodies included. */
function textOf({ posts, raw, killsAt }: Plan): string {
  const bodies = [...posts.map(({ delivery }) => delivery.body), ...raw.map(({ body }) => body)];
  return (
    JSON.stringify([ids(posts), posts.map(({ delivery }) => delivery.fate), killsAt]) +
    bodies.map((body) => Buffer.from(body).toString('base64')).join()
  );
}

describe('drawPlan', () => {
  const plan = drawPlan(7);

  it('posts every real webhook, and some of them again', () => {
    const real = deliveriesOf(plan).filter(({ delivery }) => !delivery.misshapen);
    expect(new Set(ids(real)).size).toBe(329);
    expect(real.length).toBeGreaterThan(340);
  });

  it('has examples of every kind of event that the services know, and of no other', () => {
    const events = deliveriesOf(plan).map(({ delivery }) => delivery.event);
    expect([...new Set(events)].sort()).toEqual([...GITHUB_EVENTS].sort());
  });

  it('is the same for the same seed, and another one for another', () => {
    expect(textOf(drawPlan(7))).toBe(textOf(plan));
    expect(textOf(drawPlan(8))).not.toBe(textOf(plan));
  });

  it('expects every kind of refusal, under ids that are never accepted', () => {
    const refused = plan.posts.filter(({ expected }) => expected !== 202);
    expect(new Set(refused.map(({ expected }) => expected))).toEqual(new Set([400, 401, 422]));
    const accepted = new Set(ids(deliveriesOf(plan)));
    expect(ids(refused).filter((id) => accepted.has(id))).toEqual([]);
  });

  it('has bad messages of every kind, and two kills while requests are still to come', () => {
    const hopeless = deliveriesOf(plan).filter(({ delivery }) => delivery.fate.always !== 'silence');
    const statuses = hopeless.map(({ delivery }) => (delivery.fate.always as { status: number }).status);
    expect(new Set(statuses)).toEqual(new Set([200, 400, 404, 410, 422, 500, 502, 503]));
    expect(deliveriesOf(plan).some(({ delivery }) => delivery.misshapen)).toBe(true);
    expect(plan.raw.length).toBeGreaterThanOrEqual(3);
    expect(plan.killsAt).toHaveLength(2);
    expect(Math.max(...plan.killsAt)).toBeLessThan(300);
  });
});
