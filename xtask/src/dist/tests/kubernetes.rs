//! The manifests of Kubernetes are rendered, fit the schemas, and start what the program is.

use super::*;
use serde_json::Value;

/// Overlays with how many nodes they may have.
const OVERLAYS: [(&str, u32); 4] = [("1k", 1), ("10k", 2), ("100k", 2), ("100k-far", 0)];

/// The oldest version with `preStop.sleep`, and the newest one that the schemas have.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// `drain_timeout` of `[limits]`, unless the settings say otherwise.
const DRAIN_SECONDS: u64 = 30;

/// The manifests of an overlay, as YAML.
fn rendered(overlay: &str) -> String {
    let folder = workspace().root.join("packaging/kubernetes/overlays");
    let mut kubectl = Command::new(wheel::KUBECTL.program().unwrap());
    process::output(kubectl.arg("kustomize").arg(folder.join(overlay))).unwrap()
}

/// What the schemas have against manifests: nothing, if the text is empty.
fn faults(manifests: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), manifests).unwrap();
    let mut check = yaml::python();
    check.args(["-m", "kubernetes_validate", "--strict", "--quiet"]);
    for version in VERSIONS {
        check.args(["--kubernetes-version", version]);
    }
    let output = check.arg("all.yaml").current_dir(folder.path()).output();
    let output = output.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    // A kind that it does not know is no failure of it, but it says so.
    assert!(output.status.success() || !said.is_empty());
    said
}

/// The objects of an overlay.
fn objects(overlay: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    fs::write(&file, rendered(overlay)).unwrap();
    yaml::documents(&file)
}

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    let objects = objects.iter().filter(|object| object["kind"] == kind);
    objects.collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn pod(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]
}

fn container(deployment: &Value) -> &Value {
    &pod(deployment)["containers"][0]
}

/// The settings that a deployment mounts.
fn settings_of(deployment: &Value, objects: &[Value]) -> String {
    let volumes = pod(deployment)["volumes"].as_array().unwrap();
    let map = volumes
        .iter()
        .find_map(|volume| volume["configMap"]["name"].as_str());
    let maps = of_kind(objects, "ConfigMap");
    let map = maps.into_iter().find(|object| name(object) == map.unwrap());
    map.unwrap()["data"]["terrace.toml"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn schemas_take_the_overlays_and_refuse_mistakes() {
    for (overlay, _) in OVERLAYS {
        assert_eq!(faults(&rendered(overlay)), "", "{overlay}");
    }
    let manifests = rendered("10k");
    for (is, becomes, said) in [
        ("maxSurge: 1", "maxSurge: [1]", "maxSurge"),
        (
            "minReplicas: 2",
            "minReplicas: two",
            "'two' is not of type 'integer'",
        ),
        (
            "livenessProbe:",
            "livenesProbe:",
            "'livenesProbe' was unexpected",
        ),
        (
            "kind: PodDisruptionBudget",
            "kind: PodDisruption",
            "Couldn't find schema",
        ),
        ("sleep:\n", "slepp:\n", "'slepp' was unexpected"),
    ] {
        assert!(manifests.contains(is), "{is}");
        let found = faults(&manifests.replace(is, becomes));
        assert!(found.contains(said), "{becomes}: {found}");
    }
}

#[test]
fn overlays_have_settings_and_commands_that_the_program_takes() {
    for (overlay, nodes) in OVERLAYS {
        let objects = objects(overlay);
        let deployments = of_kind(&objects, "Deployment");
        let names: Vec<_> = deployments.iter().map(|object| name(object)).collect();
        let expected: &[&str] = match overlay {
            "1k" => &["node"],
            "100k-far" => &["edge"],
            _ => &["edge", "node"],
        };
        assert_eq!(names, expected, "{overlay}");
        for deployment in deployments {
            let text = settings_of(deployment, &objects);
            match name(deployment) {
                "edge" => settings::edge_starts(&text),
                _ => settings::nodes_are_fine(&text, nodes),
            }
            let arguments = yaml::texts(&container(deployment)["args"]).into_iter();
            let arguments = arguments.map(|text| text.replace("$(POD_IP)", "127.0.0.1"));
            settings::command_is_one(&arguments.collect::<Vec<_>>());
            check_passwords(deployment, &text);
            check_ports(deployment, &text);
        }
    }
}

/// Each password that the settings want comes from a Secret, and no other.
fn check_passwords(deployment: &Value, settings: &str) {
    let variables = container(deployment)["env"].as_array();
    let variables = variables.map_or(&[][..], Vec::as_slice).iter();
    let secret = variables.filter(|variable| variable["name"] != "POD_IP");
    let mut given: Vec<_> = secret
        .map(|variable| {
            let secret = &variable["valueFrom"]["secretKeyRef"];
            assert_eq!(secret["name"], "terrace", "{variable}");
            name_of(variable)
        })
        .collect();
    given.sort_unstable();
    let wanted: Vec<_> = settings::passwords(settings).into_iter().collect();
    assert_eq!(given, wanted, "{deployment}");
}

fn name_of(variable: &Value) -> String {
    variable["name"].as_str().unwrap().to_owned()
}

/// Clients and probes come to the ports where the server listens, on every address.
fn check_ports(deployment: &Value, settings: &str) {
    let ports = container(deployment)["ports"].as_array().unwrap();
    let port = |name: &str| {
        let port = ports.iter().find(|port| port["name"] == name).unwrap();
        port["containerPort"].as_u64().unwrap()
    };
    let admin = settings::value(settings, "listen", "admin").unwrap();
    assert_eq!(admin.as_str(), Some(&*format!("0.0.0.0:{}", port("admin"))));
    let http = settings::value(settings, "listen", "http");
    let arguments = yaml::texts(&container(deployment)["args"]);
    match http {
        Some(http) => assert_eq!(http.as_str(), Some(&*format!("0.0.0.0:{}", port("http")))),
        None => assert!(arguments.contains(&format!("$(POD_IP):{}", port("http")))),
    }
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = &container(deployment)[probe]["httpGet"];
        assert_eq!(
            (&get["path"], &get["port"]),
            (&path.into(), &"admin".into())
        );
    }
}

#[test]
fn pods_end_later_than_their_requests_and_may_do_nothing_else() {
    for (overlay, _) in OVERLAYS {
        let objects = objects(overlay);
        for deployment in of_kind(&objects, "Deployment") {
            let text = settings_of(deployment, &objects);
            assert_eq!(settings::value(&text, "limits", "drain_timeout"), None);
            let pause = &container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"];
            let grace = &pod(deployment)["terminationGracePeriodSeconds"];
            let (pause, grace) = (pause.as_u64().unwrap(), grace.as_u64().unwrap());
            assert!(pause >= 10 && grace > pause + DRAIN_SECONDS, "{grace}");
            let may = &container(deployment)["securityContext"];
            assert_eq!(may["readOnlyRootFilesystem"], true);
            assert_eq!(may["allowPrivilegeEscalation"], false);
            assert_eq!(may["capabilities"]["drop"][0], "ALL");
            let user = container::configuration()["User"].clone();
            let context = &pod(deployment)["securityContext"];
            let own = format!("{}:{}", context["runAsUser"], context["runAsGroup"]);
            assert_eq!(user, own.as_str());
            assert_eq!(context["runAsNonRoot"], true);
        }
    }
}

#[test]
fn services_budgets_and_scalers_are_of_pods_that_there_are() {
    for (overlay, nodes) in OVERLAYS {
        let objects = objects(overlay);
        let deployments = of_kind(&objects, "Deployment");
        let labels = |name_: &str| {
            let mut found = deployments.iter().filter(|object| name(object) == name_);
            let found = found.next().unwrap_or_else(|| panic!("no {name_}"));
            &found["spec"]["template"]["metadata"]["labels"]
        };
        for (kind, selector) in [
            ("Service", "/spec/selector"),
            ("PodDisruptionBudget", "/spec/selector/matchLabels"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
        ] {
            for object in of_kind(&objects, kind) {
                assert_eq!(
                    object.pointer(selector),
                    Some(labels(name(object))),
                    "{object}"
                );
            }
        }
        let scalers = of_kind(&objects, "HorizontalPodAutoscaler");
        let several = deployments.len() - usize::from(nodes == 1);
        assert_eq!(scalers.len(), several, "{overlay}");
        assert_eq!(of_kind(&objects, "PodDisruptionBudget").len(), several);
        for scaler in scalers {
            let target = scaler["spec"]["scaleTargetRef"]["name"].as_str().unwrap();
            labels(target);
            let metric = &scaler["spec"]["metrics"][0]["pods"]["metric"]["name"];
            assert_eq!(metric, image::IN_FLIGHT);
        }
    }
}
