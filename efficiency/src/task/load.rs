//! Tasks files.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Entry, Task};
use crate::jsonl::{LineError, Lines};

/// The tasks of a file, in its order.
#[derive(Debug, Clone)]
pub struct Tasks {
    dir: PathBuf,
    tasks: Vec<Arc<Task>>,
    by_id: HashMap<String, usize>,
}

impl Tasks {
    /// Reads a file of tasks, one a line.
    ///
    /// # Errors
    /// With the line, if one is no task, or two have the same name.
    pub fn read(path: &Path) -> Result<Tasks, LineError> {
        let mut tasks = Tasks {
            dir: path.parent().unwrap_or(Path::new("")).to_owned(),
            tasks: Vec::new(),
            by_id: HashMap::new(),
        };
        for line in Lines::<Task>::open(path)? {
            let (line, task) = line?;
            validate(&task).map_err(|message| LineError::of_line(path, line, message))?;
            let id = task.task_id.clone();
            if tasks.by_id.insert(id.clone(), tasks.tasks.len()).is_some() {
                let message = format!("there is another task `{id}` before it");
                return Err(LineError::of_line(path, line, message));
            }
            tasks.tasks.push(Arc::new(task));
        }
        if tasks.tasks.is_empty() {
            return Err(LineError::of_file(path, "there are no tasks in it"));
        }
        Ok(tasks)
    }

    /// What paths in the tasks are relative to.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A task by its name.
    pub fn get(&self, id: &str) -> Option<&Arc<Task>> {
        Some(&self.tasks[*self.by_id.get(id)?])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.iter()
    }
}

/// What serde does not see.
fn validate(task: &Task) -> Result<(), String> {
    let mut ids = HashSet::new();
    for test in &task.tests {
        if !ids.insert(&test.id) {
            return Err(format!("there are two tests `{}`", test.id));
        }
        let is_text = test
            .expected
            .as_ref()
            .is_none_or(serde_json::Value::is_string);
        if task.entry == Entry::Stdio && !is_text {
            return Err(format!("`expected` of test `{}` is not a text", test.id));
        }
        if test.expected.is_none() && task.references.is_empty() {
            return Err(format!(
                "test `{}` has no `expected`, and the task no reference that could give it",
                test.id
            ));
        }
    }
    let mut ids = HashSet::new();
    if let Some(twice) = task
        .references
        .iter()
        .find(|reference| !ids.insert(&reference.id))
    {
        return Err(format!("there are two references `{}`", twice.id));
    }
    if let Some(generator) = &task.generator {
        if generator.sizes.is_empty() {
            return Err("the generator has no sizes".to_owned());
        }
        if task.references.is_empty() {
            return Err(
                "there is a generator, and no reference that could give the outputs".to_owned(),
            );
        }
        if task.entry != Entry::Stdio {
            return Err("a generator makes inputs for `stdio` programs".to_owned());
        }
    }
    if task.tests.is_empty() && task.generator.is_none() {
        return Err("there are no tests and no generator".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tasks, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tasks.jsonl");
        std::fs::write(&path, text).expect("written");
        Tasks::read(&path).map_err(|e| e.to_string().replace(&*dir.path().to_string_lossy(), "."))
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = r#"{"task_id":"lc/enumerate_triangles","lang":"cpp","entry":"stdio","tests":[{"id":"t0","stdin":"..","expected":"..","kind":"stress","size":1562}],"generator":{"source":"gen.cpp","sizes":[1000,2000,4000],"seed":0},"checker":{"type":"float","abs":1e-6,"rel":1e-6},"references":[{"id":"slow","source":".."},{"id":"best","source":".."}],"limits":{"fuel":20000000000,"memory_mb":512,"stack_mb":64,"wall_s":60,"stdout_mb":16},"build":{"flags":["-O2"]}}"#;
        let tasks = read(&format!("{text}\n\n")).expect("a task");
        let task = tasks.get("lc/enumerate_triangles").expect("there");
        assert_eq!(task.tests[0].size, Some(1562));
        assert_eq!(task.limits.stack_mb, 64);
        assert_eq!(tasks.iter().count(), 1);
        // What is written is read again.
        let again = serde_json::to_string(&**task).expect("JSON");
        assert_eq!(
            *read(&again).expect("a task").iter().next().expect("one"),
            *task
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let task = r#"{"task_id":"a","lang":"cpp","tests":[{"id":"t","expected":"1"}]}"#;
        let error = |text: &str| read(text).expect_err("wrong");
        assert_eq!(
            error(&format!("{task}\n{task}")),
            "read ./tasks.jsonl, line 2: there is another task `a` before it"
        );
        assert!(error("\n{").starts_with("read ./tasks.jsonl, line 2: EOF"));
        assert!(error(&task.replace("lang", "lnag")).contains("unknown field `lnag`"));
        assert!(error(&task.replace(r#""1""#, "1")).contains("not a text"));
        assert!(error(&task.replace(r#","expected":"1""#, "")).contains("no reference"));
        assert!(error(r#"{"task_id":"a","lang":"cpp"}"#).contains("no tests"));
        assert!(
            error(r#"{"task_id":"a","lang":"cpp","entry":"main"}"#).contains("neither `stdio`")
        );
        assert!(error("").contains("no tasks"));
    }
}
