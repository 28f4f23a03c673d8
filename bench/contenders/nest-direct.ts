import { dispatching } from '../dispatch.ts';

/** The limit of dispatch: the method is called. */
export const contender = dispatching(({ app, type }) => {
  const handler = app.get(type);
  return (context) => handler.handle(context.data, context);
});
