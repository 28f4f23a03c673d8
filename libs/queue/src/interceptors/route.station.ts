import { ACK, failed, type Outcome } from '../message/outcome.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import { type MessageFilter, takes, takesEverything } from '../policies/message-filter.js';
import { NoHandlerError } from './handling.errors.js';
import type { Handling } from './handling.js';
import type { MessageContext } from './message-context.js';
import type { Station } from './station.js';
import { UpcastStation } from './upcast.station.js';
import { ValidateStation } from './validate.station.js';

/** One of the handlers of a subscription, and which of its messages it takes. */
export interface Route {
  /** `Class.method`. */
  readonly name: string;
  readonly when: MessageFilter;
  /** See ConsumePolicies, of which these two are the handler's own. */
  readonly upcasting: ConsumePolicies['upcasting'];
  readonly validate: ConsumePolicies['validate'];
  handle(context: MessageContext): unknown;
}

/** Handlers that are told apart, and what becomes of a message that none of them takes. */
export interface Routes {
  readonly list: readonly Route[];
  readonly otherwise: 'ack' | 'dead';
}

/** A route, with what only its messages pass. */
interface OwnStations {
  readonly route: Route;
  readonly upcast: UpcastStation | undefined;
  readonly validation: ValidateStation | undefined;
}

/** Finds the handler of a message, and makes and checks the payload as that handler wants it. */
export class RouteStation implements Station {
  readonly name = 'route';
  readonly #routes: readonly OwnStations[];

  constructor(private readonly routes: Routes) {
    const all = routes.list.map((route) => ({
      route,
      upcast: route.upcasting && new UpcastStation(route.upcasting),
      validation: route.validate && new ValidateStation(route.validate),
    }));
    const takesRest = ({ route }: { readonly route: Route }): boolean => takesEverything(route.when);
    this.#routes = [...all.filter((each) => !takesRest(each)), ...all.filter(takesRest)];
  }

  enter(handling: Handling): Outcome | undefined | Promise<Outcome | undefined> {
    const type = handling.event?.event_type;
    const message = { type, headers: () => handling.headers };
    const found = this.#routes.find(({ route }) => takes(route.when, message));
    if (found === undefined) return this.#untaken(handling, type);
    handling.route = found.route;
    return found.upcast?.enter(handling) ?? found.validation?.enter(handling);
  }

  #untaken({ id, subscription }: Handling, type: string | undefined): Outcome {
    if (this.routes.otherwise === 'ack') return ACK;
    const names = this.routes.list.map(({ name }) => name).join(', ');
    const why = `no handler of subscription "${subscription}" takes message ${id} of type ${JSON.stringify(type)}: there are ${names}`;
    return failed(new NoHandlerError(why), 'no_handler', true);
  }
}
