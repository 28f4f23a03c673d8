/** The release this build belongs to. Tasks, schedules and workflows come through this door. */
export const VERSION = '0.1.0';
