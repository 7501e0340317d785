//! Modules made in the background.
//!
//!     start -> a task of the pool: decode, validate -> units of the pool -> the module
//!
//! Whoever waits helps: it runs the task if nobody has begun it, and then units of the module. Giving up the last
//! handle of a job cancels it, since nobody can get the module any more.
//!
//! Not here: what happens in between (`compile`).

use std::sync::Arc;
use std::sync::Weak;
use std::time::Instant;

use super::module::{CompiledModule, ModuleOptions};
use super::stream::{Loader, Wanted, post_failure};
use super::{Engine, EngineInner};
use crate::compile::compilation::Cancel;
use crate::compile::events::ModuleEvents;
use crate::compile::pool::{Runner, Waited};
use crate::error::{Error, Result};
use crate::module::SharedBytes;
use crate::runtime::lazy::on_compile_stack;
use crate::sync::{ForkMutex, generation};

/// A module that is being made. Any thread; reference-counted.
#[derive(Clone)]
pub struct Job(Arc<JobInner>);

pub(super) struct JobInner {
    engine: Engine,
    /// The number of the module.
    id: u64,
    stage: ForkMutex<Stage>,
}

/// How far a job is.
enum Stage {
    /// Nobody has begun to decode it.
    Waiting(Box<Source>),
    /// Somebody decodes and validates it, in the process of this generation.
    Loading(usize),
    /// It is decoded; its strategy decides what is still to be compiled.
    Compiling(CompiledModule),
    /// It is made.
    Done(CompiledModule),
    /// It will not be made.
    Failed(Error),
}

/// What a module is made from.
enum Source {
    /// Wasm bytes or text, a copy or the host's. Bytes are kept as long as the module, text until it was parsed.
    Bytes { events: ModuleEvents, bytes: SharedBytes, options: ModuleOptions },
    /// Bytes that have come piece by piece, all of them read.
    Stream(Box<Loader>),
}

/// What a look at a job finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It is decoded, validated or compiled.
    Running,
    /// The module is there.
    Done,
    /// There will be no module.
    Failed,
}

impl Job {
    /// Begins to make a module.
    pub fn start(engine: &Engine, bytes: SharedBytes, options: ModuleOptions) -> Job {
        let events = engine.pipeline().events().open();
        Job::of(engine, events.id(), Source::Bytes { events, bytes, options })
    }

    /// Goes on with a module whose bytes have come.
    pub(super) fn of_stream(engine: &Engine, loader: Box<Loader>) -> Job {
        Job::of(engine, loader.id(), Source::Stream(loader))
    }

    fn of(engine: &Engine, id: u64, source: Source) -> Job {
        let stage = ForkMutex::new(Stage::Waiting(Box::new(source)));
        let job = Job(Arc::new(JobInner { engine: engine.clone(), id, stage }));
        engine.0.jobs.lock().insert(id, Arc::downgrade(&job.0));
        let (weak, engine_of_task) = (Arc::downgrade(&job.0), engine.downgrade());
        let runner = engine.pipeline().add_task(id, move || run(&weak, &engine_of_task));
        if matches!(runner, Runner::Caller | Runner::Nobody) {
            // Nobody else will: the job is done, or has failed, when this returns.
            let loaded = on_compile_stack(engine, || {
                job.load();
                Ok(())
            });
            if let Err(error) = loaded {
                job.fail(error);
            }
        }
        job
    }

    /// A job that has not ended its life.
    pub(super) fn upgrade(job: &Weak<JobInner>) -> Option<Job> {
        job.upgrade().map(Job)
    }

    /// The number of the module, by which its events are known.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Where it stands.
    pub fn state(&self) -> JobState {
        self.settle();
        match &*self.0.stage.lock() {
            Stage::Waiting(_) | Stage::Loading(_) | Stage::Compiling(_) => JobState::Running,
            Stage::Done(_) => JobState::Done,
            Stage::Failed(_) => JobState::Failed,
        }
    }

    /// The module, or why there is none; `None` while the job runs.
    pub fn result(&self) -> Option<Result<CompiledModule>> {
        self.settle();
        match &*self.0.stage.lock() {
            Stage::Waiting(_) | Stage::Loading(_) | Stage::Compiling(_) => None,
            Stage::Done(module) => Some(Ok(module.clone())),
            Stage::Failed(error) => Some(Err(error.duplicate())),
        }
    }

    /// Waits for the module, helping to make it. `None`: the deadline has passed.
    pub fn wait(&self, deadline: Option<Instant>) -> Option<Result<CompiledModule>> {
        let engine = &self.0.engine;
        let waited = on_compile_stack(engine, || {
            self.load();
            self.end_inherited(deadline);
            Ok(engine.pipeline().help_job(self.0.id, deadline, &|| self.state() != JobState::Running))
        });
        match waited {
            Err(error) => Some(Err(error)),
            Ok(Waited::Closed) => {
                self.fail(Error::Cancelled);
                self.result()
            }
            Ok(_) => self.result(),
        }
    }

    /// Gives the job up. False: it had ended before.
    pub fn cancel(&self) -> bool {
        let was_running = self.state() == JobState::Running;
        if was_running {
            self.fail(Error::Cancelled);
        }
        was_running
    }

    /// Ends a job of the parent process, as far as this process can: what one of the parent's threads was at will not
    /// come. On a compile stack.
    fn end_inherited(&self, deadline: Option<Instant>) {
        let module = match &*self.0.stage.lock() {
            Stage::Compiling(module) if module.compilation().is_inherited() => module.clone(),
            _ => return,
        };
        if self.0.engine.pipeline().wait_ready(module.compilation(), deadline) == Waited::Closed {
            self.fail(Error::Busy { what: "the parent process makes the module" });
        }
    }

    /// Decodes and validates, unless somebody has begun to. On a compile stack.
    fn load(&self) {
        let source = {
            let mut stage = self.0.stage.lock();
            match &*stage {
                Stage::Waiting(_) => match std::mem::replace(&mut *stage, Stage::Loading(generation())) {
                    Stage::Waiting(source) => source,
                    _ => return,
                },
                // The thread that loads is not in this process.
                Stage::Loading(where_it_began) if *where_it_began != generation() => {
                    *stage = Stage::Failed(Error::Busy { what: "the parent process makes the module" });
                    return;
                }
                _ => return,
            }
        };
        let made = match *source {
            Source::Bytes { events, bytes, options } => {
                let wanted = Wanted::Module { events, options };
                Loader::of_shared(&self.0.engine, &bytes, wanted).and_then(Loader::module)
            }
            Source::Stream(loader) => loader.module(),
        };
        match made {
            Ok(module) => {
                let late = {
                    let mut stage = self.0.stage.lock();
                    match &*stage {
                        Stage::Loading(_) => {
                            *stage = Stage::Compiling(module);
                            None
                        }
                        // Cancelled meanwhile.
                        _ => Some(module),
                    }
                };
                if let Some(module) = late {
                    module.cancel(Cancel::Always);
                }
            }
            Err(error) => self.fail(error),
        }
        self.settle();
        self.0.engine.pipeline().notify();
    }

    /// Notes that the module is ready, if it is.
    fn settle(&self) {
        let module = match &*self.0.stage.lock() {
            Stage::Compiling(module) => module.clone(),
            _ => return,
        };
        let compilation = module.compilation();
        if compilation.plan().is_awaited() && !compilation.is_ready() && compilation.stopped().is_none() {
            return;
        }
        // Ready, so this waits for nothing.
        let finished = if compilation.plan().is_awaited() { module.finish(None).map(drop) } else { Ok(()) };
        let replaced = {
            let mut stage = self.0.stage.lock();
            match (&*stage, finished) {
                (Stage::Compiling(_), Ok(())) => Some(std::mem::replace(&mut *stage, Stage::Done(module))),
                (Stage::Compiling(_), Err(error)) => Some(std::mem::replace(&mut *stage, Stage::Failed(error))),
                _ => None,
            }
        };
        // What is replaced is dropped without the lock: it may be the last reference to a module.
        drop(replaced);
    }

    fn fail(&self, error: Error) {
        let before = {
            let mut stage = self.0.stage.lock();
            match &*stage {
                Stage::Done(_) | Stage::Failed(_) => return,
                _ => std::mem::replace(&mut *stage, Stage::Failed(error.duplicate())),
            }
        };
        match before {
            Stage::Waiting(source) => match *source {
                Source::Bytes { events, .. } => post_failure(&events, &error),
                Source::Stream(loader) => loader.end(&error),
            },
            Stage::Compiling(module) => {
                module.cancel(Cancel::Always);
            }
            _ => {}
        }
        self.0.engine.pipeline().cancel_job(self.0.id);
        self.0.engine.pipeline().notify();
    }
}

impl Drop for JobInner {
    fn drop(&mut self) {
        self.engine.0.jobs.lock().remove(&self.id);
        if let Stage::Compiling(module) = self.stage.get_mut()
            && module.compilation().plan().is_awaited()
        {
            module.cancel(Cancel::Always);
        }
    }
}

/// The task of a job whose handles may all be gone.
fn run(job: &Weak<JobInner>, engine: &Weak<EngineInner>) {
    if let (Some(_engine), Some(job)) = (engine.upgrade(), job.upgrade()) {
        Job(job).load();
    }
}
